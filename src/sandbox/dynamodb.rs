//! The simulated DynamoDB: tables with a partition key and no index, items that are put as a whole, and
//! the two conditions that a lease needs. Whatever else is asked for is refused, not misunderstood.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{ApiError, Context, ecs};

/// The service as permissions call it.
pub const SERVICE: &str = "dynamodb";
/// How the `X-Amz-Target` of its operations begins.
pub const TARGET: &str = "DynamoDB_20120810.";

/// Tables by Region and name.
#[derive(Debug, Clone, Default)]
pub struct State {
    regions: BTreeMap<String, BTreeMap<String, Table>>,
}

/// A table: the name of its key, and its items by that key's value.
#[derive(Debug, Clone, Default)]
struct Table {
    key: String,
    items: BTreeMap<String, Value>,
}

/// Answers one operation.
///
/// # Errors
/// As the DynamoDB API documents them.
pub fn handle(state: &mut State, context: &Context, operation: &str, input: &Value) -> ecs::Outcome {
    let tables = state.regions.entry(context.region.clone()).or_default();
    let name = text(input, "TableName").rsplit('/').next().unwrap_or_default();
    match operation {
        "CreateTable" => create(tables, context, name, input),
        "GetItem" | "PutItem" => {
            let missing = || ApiError::new("ResourceNotFoundException", "Requested resource not found");
            let table = tables.get_mut(name).ok_or_else(missing)?;
            if operation == "GetItem" { get(table, input) } else { put(table, input) }
        }
        _ => Err(ApiError::new("UnknownOperationException", format!("{operation} is not simulated"))),
    }
}

fn create(tables: &mut BTreeMap<String, Table>, context: &Context, name: &str, input: &Value) -> ecs::Outcome {
    let keys = input.get("KeySchema").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let [key] = keys else { return Err(invalid("only tables with one key, the partition key, are simulated")) };
    let key = text(key, "AttributeName");
    let defined = input.get("AttributeDefinitions").and_then(Value::as_array);
    let is_text =
        |definition: &Value| text(definition, "AttributeName") == key && text(definition, "AttributeType") == "S";
    if !defined.into_iter().flatten().any(is_text) {
        return Err(invalid("only keys of type S are simulated"));
    }
    if name.len() < 3 || tables.contains_key(name) {
        return Err(ApiError::new("ResourceInUseException", format!("Table already exists: {name}")));
    }
    tables.insert(name.to_owned(), Table { key: key.to_owned(), items: BTreeMap::new() });
    let arn = context.arn(SERVICE, &format!("table/{name}"));
    Ok(json!({ "TableDescription": { "TableName": name, "TableArn": arn, "TableStatus": "ACTIVE" } }))
}

fn get(table: &Table, input: &Value) -> ecs::Outcome {
    let key = key_of(table, input.get("Key").unwrap_or(&Value::Null))?;
    Ok(table.items.get(&key).map_or_else(|| json!({}), |item| json!({ "Item": item })))
}

fn put(table: &mut Table, input: &Value) -> ecs::Outcome {
    let item = input.get("Item").cloned().unwrap_or_default();
    let key = key_of(table, &item)?;
    let there = table.items.get(&key);
    let value = |name: &str| input.pointer(&format!("/ExpressionAttributeValues/{name}"));
    let is = |attribute: &str, name: &str| there.and_then(|there| there.get(attribute)) == value(name);
    let holds = match text(input, "ConditionExpression") {
        "" => true,
        condition if condition == format!("attribute_not_exists({})", table.key) => there.is_none(),
        "holder = :holder AND version = :version" => is("holder", ":holder") && is("version", ":version"),
        other => return Err(invalid(&format!("the condition `{other}` is not simulated"))),
    };
    if !holds {
        let all_old = text(input, "ReturnValuesOnConditionCheckFailure") == "ALL_OLD";
        let item = there.filter(|_| all_old).cloned();
        return Err(ApiError {
            item,
            ..ApiError::new("ConditionalCheckFailedException", "The conditional request failed")
        });
    }
    table.items.insert(key, item);
    Ok(json!({}))
}

/// The value of a table's key among these attributes.
fn key_of(table: &Table, attributes: &Value) -> Result<String, ApiError> {
    let value = attributes.get(&table.key).and_then(|value| value.get("S")).and_then(Value::as_str);
    let missing = || invalid("One or more parameter values were invalid: Missing the key in the item");
    value.map(str::to_owned).ok_or_else(missing)
}

fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value.get(member).and_then(Value::as_str).unwrap_or_default()
}

fn invalid(message: &str) -> ApiError {
    ApiError::new("ValidationException", message)
}
