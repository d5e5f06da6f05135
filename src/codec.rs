//! Every ECS shape, decoded and encoded over the schemas that the SDK itself ships.
//!
//! Since 1.155 aws-sdk-ecs offers for each shape its `SCHEMA`, a `deserialize` that pulls from a
//! visitor and a `serialize_members` that pushes into one. [`decode`] and [`encode`] are those two
//! visitors over a plain tree, so that there is no list of fields anywhere: a field that the SDK
//! knows is a field that a manifest may have. What the schemas do not say (legal enum values,
//! required members) stands in the tables of [`enums`] and [`required`].
//!
//! Only this module names `aws_smithy_schema`: it is a young public API, and the place to change
//! when it moves is here.

pub mod enums;
mod reader;
pub mod required;
pub mod shape;
#[cfg(test)]
mod tests;
mod writer;

use aws_smithy_schema::serde::{SerdeError, SerializableStruct, ShapeDeserializer};

use crate::value::{FAULTS_MAX, Fault, Path, Value};

/// What every generated `deserialize` function looks like.
pub type Deserialize<T> = fn(&mut dyn ShapeDeserializer) -> Result<T, SerdeError>;

/// Reads a shape out of a tree.
///
/// # Errors
/// The faults of the tree at once: unknown fields, wrong types, missing members, unknown enum
/// values, each with its path. A tree with any fault yields no shape.
pub fn decode<T>(value: &Value, deserialize: Deserialize<T>) -> Result<T, Vec<Fault>> {
    decode_to(value, deserialize, FAULTS_MAX)
}

/// [`decode`] that ends when it has found `most` faults, of which there must be one.
///
/// # Errors
/// As those of [`decode`].
pub fn decode_to<T>(value: &Value, deserialize: Deserialize<T>, most: usize) -> Result<T, Vec<Fault>> {
    let faults = reader::Faults::new(most);
    let shape = deserialize(&mut reader::Reader::new(value, &faults));
    match (shape, faults.take()) {
        (Ok(shape), faults) if faults.is_empty() => Ok(shape),
        // The builders complain about what the reader has already reported better.
        (_, faults) if !faults.is_empty() => Err(faults),
        (Ok(shape), _) => Ok(shape),
        (Err(error), _) => {
            Err(vec![Fault { path: Path::default(), key: false, message: error.to_string(), hint: None }])
        }
    }
}

/// Writes a shape as the tree that AWS's JSON protocol would carry. Absent members stay absent.
#[must_use]
pub fn encode(shape: &dyn SerializableStruct) -> Value {
    writer::write(shape)
}
