//! The lease's record in DynamoDB: one item for each owner, account and Region, and no write without a
//! condition.

use std::collections::HashMap;

use aws_sdk_dynamodb::operation::get_item::GetItemError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;

use super::Aws;
use super::epoch::now;
use super::failure::classify;
use crate::fence::lease::Put;
use crate::fence::{Claim, Copy};
use crate::world::Failure;

/// The table's partition key.
const KEY: &str = "id";

type Item = HashMap<String, AttributeValue>;

impl Aws {
    /// The record as it is now, not as it was a moment ago.
    ///
    /// # Errors
    /// The class of AWS's error; a table that is missing is one that a person has to make.
    pub async fn lease(&self, table: &str, owner: &str) -> Result<Option<Claim>, Failure> {
        let call = self.dynamodb.get_item().table_name(table).key(KEY, self.lease_id(owner)).consistent_read(true);
        match call.send().await {
            Ok(answer) => Ok(answer.item().map(claim)),
            Err(error) if error.as_service_error().is_some_and(GetItemError::is_resource_not_found_exception) => {
                Err(missing(table))
            }
            Err(error) => Err(said_of(table, classify(error))),
        }
    }

    /// Writes the record, if what was seen is still there.
    ///
    /// # Errors
    /// The same. Without an answer it may have been written.
    pub async fn put_lease(
        &self,
        table: &str,
        owner: &str,
        record: &Claim,
        over: Option<&Claim>,
    ) -> Result<Put, Failure> {
        let call = self.dynamodb.put_item().table_name(table).set_item(Some(self.item(owner, record)));
        let call = call.return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        // `holder` and `version` together: a table that was emptied counts from 1 again.
        let call = match over {
            None => call.condition_expression("attribute_not_exists(id)"),
            Some(over) => call
                .condition_expression("holder = :holder AND version = :version")
                .expression_attribute_values(":holder", AttributeValue::S(over.id.clone()))
                .expression_attribute_values(":version", AttributeValue::N(over.epoch.to_string())),
        };
        match call.send().await {
            Ok(_) => Ok(Put::Done),
            Err(error) => put_failed(table, error),
        }
    }

    fn lease_id(&self, owner: &str) -> AttributeValue {
        AttributeValue::S(format!("{}/{}/{owner}", self.account.id, self.account.region))
    }

    fn item(&self, owner: &str, record: &Claim) -> Item {
        HashMap::from([
            (KEY.to_owned(), self.lease_id(owner)),
            ("holder".to_owned(), AttributeValue::S(record.id.clone())),
            ("version".to_owned(), AttributeValue::N(record.epoch.to_string())),
            ("what".to_owned(), AttributeValue::S(record.what.clone())),
            ("since".to_owned(), AttributeValue::S(record.since.clone())),
            ("released".to_owned(), AttributeValue::Bool(record.released)),
        ])
    }
}

/// The record of a copy under a number.
#[must_use]
pub fn record(copy: &Copy, version: u64, released: bool) -> Claim {
    let (id, what) = (copy.id.clone(), copy.what.clone());
    Claim { epoch: version, id, what, since: now(), lasts: None, released }
}

fn put_failed(table: &str, error: SdkError<PutItemError, HttpResponse>) -> Result<Put, Failure> {
    match error.as_service_error() {
        Some(PutItemError::ConditionalCheckFailedException(refused)) => Ok(Put::Refused(refused.item().map(claim))),
        Some(PutItemError::ResourceNotFoundException(_)) => Err(missing(table)),
        _ => Err(said_of(table, classify(error))),
    }
}

fn claim(item: &Item) -> Claim {
    let text = |name: &str| item.get(name).and_then(|value| value.as_s().ok()).map_or("?", String::as_str).to_owned();
    let version = item.get("version").and_then(|value| value.as_n().ok()).and_then(|version| version.parse().ok());
    Claim {
        epoch: version.unwrap_or_default(),
        id: text("holder"),
        what: text("what"),
        since: text("since"),
        lasts: None,
        released: item.get("released").and_then(|value| value.as_bool().ok()).copied().unwrap_or_default(),
    }
}

fn missing(table: &str) -> Failure {
    Failure::Rejected(format!("there is no DynamoDB table {table} for the lease; make it: {}", creation(table)))
}

/// How the table is made.
fn creation(table: &str) -> String {
    format!(
        "aws dynamodb create-table --table-name {table} --billing-mode PAY_PER_REQUEST \
         --attribute-definitions AttributeName={KEY},AttributeType=S --key-schema AttributeName={KEY},KeyType=HASH"
    )
}

/// A failure with what it is about, and what to do.
fn said_of(table: &str, failure: Failure) -> Failure {
    match failure {
        Failure::Denied(said) => Failure::Denied(format!(
            "{said}; the lease needs dynamodb:GetItem and dynamodb:PutItem on the table {table} (deploy/README.md)"
        )),
        Failure::Rejected(said) => Failure::Rejected(format!(
            "the DynamoDB table {table} does not take the lease: {said}; it is made so: {}",
            creation(table)
        )),
        other => other,
    }
}
