//! awsQuery requests: a form body whose keys spell out lists, `Tags.member.1.Key=…`.

use std::collections::BTreeMap;

/// The parameters of one request, percent-decoded.
#[derive(Debug, Clone, Default)]
pub struct Query {
    parameters: BTreeMap<String, String>,
}

impl Query {
    /// Reads a form body. What is not valid percent encoding is kept as it came.
    #[must_use]
    pub fn parse(body: &[u8]) -> Self {
        let body = String::from_utf8_lossy(body);
        let parameters = body
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| {
                let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
                (decode(key), decode(value))
            })
            .collect();
        Self { parameters }
    }

    /// A parameter's value.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str)
    }

    /// The members of a list of strings, in order: `name.member.1`, `name.member.2`, …
    #[must_use]
    pub fn list(&self, name: &str) -> Vec<String> {
        (1..).map_while(|n| self.get(&format!("{name}.member.{n}"))).map(str::to_owned).collect()
    }

    /// The members of a list of key-value structures such as tags.
    #[must_use]
    pub fn tags(&self, name: &str) -> Vec<(String, String)> {
        (1..)
            .map_while(|n| {
                let key = self.get(&format!("{name}.member.{n}.Key"))?;
                let value = self.get(&format!("{name}.member.{n}.Value")).unwrap_or_default();
                Some((key.to_owned(), value.to_owned()))
            })
            .collect()
    }
}

fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = bytes.get(at + 1..at + 3).and_then(|h| std::str::from_utf8(h).ok());
        match (bytes[at], hex.and_then(|h| u8::from_str_radix(h, 16).ok())) {
            (b'%', Some(byte)) => {
                out.push(byte);
                at += 3;
                continue;
            }
            (b'+', _) => out.push(b' '),
            (byte, _) => out.push(byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Percent-encodes everything but the unreserved characters of RFC 3986: the form in which IAM
/// hands out policy documents.
#[must_use]
pub fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_encoded_reads_back(text in any::<String>()) {
            let encoded = encode(&text);
            prop_assert!(encoded.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~%".contains(&b)));
            let query = Query::parse(format!("Action=X&Document={encoded}").as_bytes());
            prop_assert_eq!(query.get("Document"), Some(text.as_str()));
        }
    }
}
