use super::*;

#[test]
fn an_account_and_a_region_that_are_not_listed_are_not_admitted() {
    let account = Account::offline(Some("eu-central-1"));
    assert_eq!(Guardrails::standard().admit(&account), Ok(()));
    let rails = Guardrails { accounts: Some(vec!["123456789012".into()]), ..Guardrails::standard() };
    assert_eq!(rails.admit(&account), Ok(()));
    let rails = Guardrails { accounts: Some(vec!["210987654321".into()]), ..Guardrails::standard() };
    assert!(rails.admit(&account).unwrap_err().contains("account 123456789012"));
    let rails = Guardrails { regions: Some(vec!["eu-west-1".into()]), ..Guardrails::standard() };
    assert!(rails.admit(&account).unwrap_err().contains("eu-central-1"));
}

#[test]
fn without_an_account_the_file_tells_it_or_none_is_foreign() {
    let rails = Guardrails { accounts: Some(vec!["210987654321".into()]), ..Guardrails::standard() };
    let (rails, account) = rails.offline(Account::offline(None));
    assert_eq!((rails.offline, account.id.as_str()), (false, "210987654321"));
    let (rails, account) = Guardrails::standard().offline(Account::offline(None));
    assert_eq!((rails.offline, account.id.as_str()), (true, "123456789012"));
}
