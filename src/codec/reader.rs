//! The visitor that generated `deserialize` functions pull from.

use std::cell::RefCell;

use aws_smithy_schema::Schema;
use aws_smithy_schema::serde::{SerdeError, ShapeDeserializer};
use aws_smithy_types::{BigDecimal, BigInteger, Blob, DateTime, Document, Number};

use super::{enums, required};
use crate::fields::is_secret;
use crate::value::{Fault, Path, Value, as_text, describe, did_you_mean};

/// Collects faults, so that one does not hide the next.
#[derive(Debug)]
pub(super) struct Faults {
    found: RefCell<Vec<Fault>>,
    most: usize,
}

impl Faults {
    pub(super) fn new(most: usize) -> Self {
        Self { found: RefCell::default(), most }
    }

    pub(super) fn take(&self) -> Vec<Fault> {
        self.found.take()
    }

    fn add(&self, path: &Path, key: bool, message: String, hint: Option<String>) {
        self.found.borrow_mut().push(Fault { path: path.clone(), key, message, hint });
    }

    /// Whether the walk may end, as what it builds is of no use to anybody.
    fn are_enough(&self) -> bool {
        self.found.borrow().len() >= self.most
    }
}

/// A place in the tree. With `value: None` it stands for a required member that is missing: it has
/// been reported, and yields neutral values so that the walk can go on to the next fault.
pub(super) struct Reader<'a> {
    value: Option<&'a Value>,
    path: Path,
    /// Structure and member that the value belongs to: what an enum's table is keyed by.
    slot: (String, String),
    faults: &'a Faults,
}

impl<'a> Reader<'a> {
    pub(super) fn new(value: &'a Value, faults: &'a Faults) -> Self {
        Self { value: Some(value), path: Path::default(), slot: Default::default(), faults }
    }

    fn child(&self, value: Option<&'a Value>, path: Path, slot: (String, String)) -> Self {
        Self { value, path, slot, faults: self.faults }
    }

    /// The value as `T`, or the type's neutral value and a fault.
    fn scalar<T: Default>(&self, expected: &str, pick: impl FnOnce(&'a Value) -> Option<T>) -> T {
        let Some(value) = self.value else { return T::default() };
        pick(value).unwrap_or_else(|| {
            let hint = match value {
                Value::Number(_) | Value::Bool(_) if expected == "a string" => as_text(value),
                Value::String(text) if text.parse::<f64>().is_ok() && expected.contains("integer") => {
                    Some(format!("write {text} without quotes"))
                }
                Value::String(text) if expected == "a boolean" && is_yaml_1_1_boolean(text) => {
                    Some("write true or false".to_owned())
                }
                _ => None,
            };
            // A password may stand where a map belongs.
            let quote = || Some("put it in quotes".to_owned());
            let (found, hint) = match value {
                Value::String(_) if is_secret(&self.path) => ("a string".to_owned(), None),
                Value::Number(_) if is_secret(&self.path) => ("a number".to_owned(), quote()),
                Value::Bool(_) if is_secret(&self.path) => ("a boolean".to_owned(), quote()),
                value => (describe(value), hint),
            };
            self.faults.add(&self.path, false, format!("expected {expected}, found {found}"), hint);
            T::default()
        })
    }

    fn integer<T: TryFrom<i64> + Default>(&self, bits: u32) -> T {
        self.scalar(&format!("a {bits}-bit integer"), |value| value.as_i64().and_then(|n| T::try_from(n).ok()))
    }

    fn unknown_field(&self, schema: &Schema<'_>, key: &str) {
        let known: Vec<&str> = schema.members().iter().filter_map(|member| member.member_name()).collect();
        let hint = match did_you_mean(key, known.iter().copied()) {
            Some(name) => format!("did you mean `{name}`?"),
            None => format!("known here: {}", sorted_list(known)),
        };
        self.faults.add(&self.path.key(key), true, format!("unknown field `{key}`"), Some(hint));
    }

    fn check_union(&self, schema: &Schema<'_>, members: usize) {
        if schema.is_union() && members != 1 {
            let known = schema.members().iter().filter_map(|member| member.member_name()).collect();
            let message = format!("expected exactly one of {}, found {members}", sorted_list(known));
            self.faults.add(&self.path, false, message, None);
        }
    }
}

fn sorted_list(mut names: Vec<&str>) -> String {
    names.sort_unstable();
    names.join(", ")
}

fn is_yaml_1_1_boolean(text: &str) -> bool {
    ["yes", "no", "on", "off", "true", "false"].contains(&text.to_lowercase().as_str())
}

impl ShapeDeserializer for Reader<'_> {
    fn read_struct(
        &mut self,
        schema: &Schema<'_>,
        consumer: &mut dyn FnMut(&Schema<'_>, &mut dyn ShapeDeserializer) -> Result<(), SerdeError>,
    ) -> Result<(), SerdeError> {
        let structure = schema.shape_id().shape_name();
        let slot = |member: &str| (structure.to_owned(), member.to_owned());
        let map = self.value.map(|_| self.scalar("a map", |value| value.as_object().map(Some)));
        // `None` twice: a value of another type, which is reported and not looked into.
        let Some(map) = map.unwrap_or_default() else {
            for name in required::members(structure) {
                if let Some(member) = schema.member_schema(name) {
                    consumer(member, &mut self.child(None, self.path.key(*name), slot(name)))?;
                }
            }
            return Ok(());
        };
        self.check_union(schema, map.len());
        for (key, value) in map.iter().take_while(|_| !self.faults.are_enough()) {
            let path = self.path.key(key);
            match schema.member_schema(key) {
                None => self.unknown_field(schema, key),
                Some(_) if value.is_null() => {
                    let hint = "leave the field out, or give it a value".to_owned();
                    self.faults.add(&path, true, format!("`{key}` has no value"), Some(hint));
                }
                Some(member) => consumer(member, &mut self.child(Some(value), path, slot(key)))?,
            }
        }
        for name in required::members(structure).iter().filter(|name| !map.contains_key(**name)) {
            let Some(member) = schema.member_schema(name) else { continue };
            self.faults.add(&self.path, false, format!("missing field `{name}`"), None);
            consumer(member, &mut self.child(None, self.path.key(*name), slot(name)))?;
        }
        Ok(())
    }

    fn read_list(
        &mut self,
        _: &Schema<'_>,
        consumer: &mut dyn FnMut(&mut dyn ShapeDeserializer) -> Result<(), SerdeError>,
    ) -> Result<(), SerdeError> {
        let Some(items) = self.scalar("a list", |value| value.as_array().map(Some)) else { return Ok(()) };
        for (index, item) in items.iter().enumerate().take_while(|_| !self.faults.are_enough()) {
            let path = self.path.index(index);
            if item.is_null() {
                self.faults.add(&path, false, "the list has an empty item".to_owned(), None);
            } else {
                consumer(&mut self.child(Some(item), path, self.slot.clone()))?;
            }
        }
        Ok(())
    }

    fn read_map(
        &mut self,
        _: &Schema<'_>,
        consumer: &mut dyn FnMut(String, &mut dyn ShapeDeserializer) -> Result<(), SerdeError>,
    ) -> Result<(), SerdeError> {
        let Some(map) = self.scalar("a map", |value| value.as_object().map(Some)) else { return Ok(()) };
        for (key, value) in map.iter().take_while(|_| !self.faults.are_enough()) {
            consumer(key.clone(), &mut self.child(Some(value), self.path.key(key), self.slot.clone()))?;
        }
        Ok(())
    }

    fn read_boolean(&mut self, _: &Schema<'_>) -> Result<bool, SerdeError> {
        Ok(self.scalar("a boolean", Value::as_bool))
    }

    fn read_byte(&mut self, _: &Schema<'_>) -> Result<i8, SerdeError> {
        Ok(self.integer(8))
    }

    fn read_short(&mut self, _: &Schema<'_>) -> Result<i16, SerdeError> {
        Ok(self.integer(16))
    }

    fn read_integer(&mut self, _: &Schema<'_>) -> Result<i32, SerdeError> {
        Ok(self.integer(32))
    }

    fn read_long(&mut self, _: &Schema<'_>) -> Result<i64, SerdeError> {
        Ok(self.integer(64))
    }

    fn read_float(&mut self, _: &Schema<'_>) -> Result<f32, SerdeError> {
        #[expect(clippy::cast_possible_truncation, reason = "the API's own type is a 32-bit float")]
        Ok(self.scalar("a number", |value| value.as_f64().map(|n| n as f32)))
    }

    fn read_double(&mut self, _: &Schema<'_>) -> Result<f64, SerdeError> {
        Ok(self.scalar("a number", Value::as_f64))
    }

    fn read_big_integer(&mut self, _: &Schema<'_>) -> Result<BigInteger, SerdeError> {
        Err(SerdeError::unsupported("ECS has no big integers"))
    }

    fn read_big_decimal(&mut self, _: &Schema<'_>) -> Result<BigDecimal, SerdeError> {
        Err(SerdeError::unsupported("ECS has no big decimals"))
    }

    fn read_string(&mut self, _: &Schema<'_>) -> Result<String, SerdeError> {
        let text: String = self.scalar("a string", |value| value.as_str().map(str::to_owned));
        if let (Some(Value::String(_)), Some(known)) = (self.value, enums::values(&self.slot.0, &self.slot.1))
            && !known.contains(&text.as_str())
        {
            let hint = match did_you_mean(&text, known.iter().copied()) {
                Some(name) if known.len() == 1 => format!("did you mean `{name}`?"),
                Some(name) => format!("did you mean `{name}`? known: {}", known.join(", ")),
                None => format!("known: {}", known.join(", ")),
            };
            let message = format!("`{}` has no value `{text}`", self.slot.1);
            self.faults.add(&self.path, false, message, Some(hint));
        }
        Ok(text)
    }

    fn read_blob(&mut self, _: &Schema<'_>) -> Result<Blob, SerdeError> {
        Ok(Blob::new(self.scalar("a string", |value| value.as_str().map(str::to_owned))))
    }

    fn read_timestamp(&mut self, _: &Schema<'_>) -> Result<DateTime, SerdeError> {
        Ok(DateTime::from_secs_f64(self.scalar("seconds since 1970", Value::as_f64)))
    }

    fn read_document(&mut self, _: &Schema<'_>) -> Result<Document, SerdeError> {
        Ok(self.value.map_or(Document::Null, document))
    }

    fn is_null(&self) -> bool {
        // Nulls are reported before the consumer sees them.
        false
    }

    fn container_size(&self) -> Option<usize> {
        None
    }
}

fn document(value: &Value) -> Document {
    match value {
        Value::Null => Document::Null,
        Value::Bool(flag) => Document::Bool(*flag),
        Value::Number(number) => Document::Number(match (number.as_u64(), number.as_i64()) {
            (Some(n), _) => Number::PosInt(n),
            (None, Some(n)) => Number::NegInt(n),
            (None, None) => Number::Float(number.as_f64().unwrap_or_default()),
        }),
        Value::String(text) => Document::String(text.clone()),
        Value::Array(items) => Document::Array(items.iter().map(document).collect()),
        Value::Object(map) => Document::Object(map.iter().map(|(key, value)| (key.clone(), document(value))).collect()),
    }
}
