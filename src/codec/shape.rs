//! What a shape can hold, found by walking it: the source of the editors' JSON Schema and of the
//! test that no member is missing.

use std::cell::{Cell, RefCell};

use aws_smithy_schema::Schema;
use aws_smithy_schema::serde::{SerdeError, ShapeDeserializer};
use aws_smithy_types::{BigDecimal, BigInteger, Blob, DateTime, Document};

use super::{Deserialize, enums, required};

/// The form of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shape {
    /// A structure's members in the order of the API; of a union exactly one may be given.
    Structure {
        /// Name, form, whether it must be there.
        members: Vec<(String, Shape, bool)>,
        /// Whether only one member may be given.
        union: bool,
    },
    /// A list of one kind of element.
    List(Box<Shape>),
    /// A map from free keys to one kind of value.
    Map(Box<Shape>),
    /// Text; with the legal values, if it is an enum.
    Text(Option<&'static [&'static str]>),
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// True or false.
    Boolean,
    /// Any tree.
    Document,
}

/// Walks everything that `deserialize` asks for.
#[must_use]
pub fn shape<T>(deserialize: Deserialize<T>) -> Shape {
    walk(deserialize).0
}

/// The shape, and the value built from a walk in which every text was a marker of its own.
pub(super) fn walk<T>(deserialize: Deserialize<T>) -> (Shape, Option<T>) {
    let counter = Cell::new(0);
    let mut walker = Walker { found: RefCell::new(Shape::Document), slot: Default::default(), counter: &counter };
    let built = deserialize(&mut walker).ok();
    (walker.found.into_inner(), built)
}

struct Walker<'a> {
    found: RefCell<Shape>,
    slot: (String, String),
    counter: &'a Cell<usize>,
}

impl<'a> Walker<'a> {
    fn child(&self, slot: (String, String)) -> Walker<'a> {
        Walker { found: RefCell::new(Shape::Document), slot, counter: self.counter }
    }

    fn found<T>(&self, shape: Shape, value: T) -> Result<T, SerdeError> {
        self.found.replace(shape);
        Ok(value)
    }
}

impl ShapeDeserializer for Walker<'_> {
    fn read_struct(
        &mut self,
        schema: &Schema<'_>,
        consumer: &mut dyn FnMut(&Schema<'_>, &mut dyn ShapeDeserializer) -> Result<(), SerdeError>,
    ) -> Result<(), SerdeError> {
        let structure = schema.shape_id().shape_name();
        let mut members = Vec::new();
        for member in schema.members() {
            let name = member.member_name().unwrap_or_default();
            let mut child = self.child((structure.to_owned(), name.to_owned()));
            consumer(member, &mut child)?;
            members.push((name.to_owned(), child.found.into_inner(), required::members(structure).contains(&name)));
        }
        self.found(Shape::Structure { members, union: schema.is_union() }, ())
    }

    fn read_list(
        &mut self,
        _: &Schema<'_>,
        consumer: &mut dyn FnMut(&mut dyn ShapeDeserializer) -> Result<(), SerdeError>,
    ) -> Result<(), SerdeError> {
        let mut child = self.child(self.slot.clone());
        consumer(&mut child)?;
        self.found(Shape::List(Box::new(child.found.into_inner())), ())
    }

    fn read_map(
        &mut self,
        _: &Schema<'_>,
        consumer: &mut dyn FnMut(String, &mut dyn ShapeDeserializer) -> Result<(), SerdeError>,
    ) -> Result<(), SerdeError> {
        let mut child = self.child(self.slot.clone());
        consumer("key".to_owned(), &mut child)?;
        self.found(Shape::Map(Box::new(child.found.into_inner())), ())
    }

    fn read_boolean(&mut self, _: &Schema<'_>) -> Result<bool, SerdeError> {
        self.found(Shape::Boolean, true)
    }

    fn read_byte(&mut self, _: &Schema<'_>) -> Result<i8, SerdeError> {
        self.found(Shape::Integer, 1)
    }

    fn read_short(&mut self, _: &Schema<'_>) -> Result<i16, SerdeError> {
        self.found(Shape::Integer, 1)
    }

    fn read_integer(&mut self, _: &Schema<'_>) -> Result<i32, SerdeError> {
        self.found(Shape::Integer, 1)
    }

    fn read_long(&mut self, _: &Schema<'_>) -> Result<i64, SerdeError> {
        self.found(Shape::Integer, 1)
    }

    fn read_float(&mut self, _: &Schema<'_>) -> Result<f32, SerdeError> {
        self.found(Shape::Number, 1.0)
    }

    fn read_double(&mut self, _: &Schema<'_>) -> Result<f64, SerdeError> {
        self.found(Shape::Number, 1.0)
    }

    fn read_big_integer(&mut self, _: &Schema<'_>) -> Result<BigInteger, SerdeError> {
        Err(SerdeError::unsupported("ECS has no big integers"))
    }

    fn read_big_decimal(&mut self, _: &Schema<'_>) -> Result<BigDecimal, SerdeError> {
        Err(SerdeError::unsupported("ECS has no big decimals"))
    }

    fn read_string(&mut self, _: &Schema<'_>) -> Result<String, SerdeError> {
        self.counter.set(self.counter.get() + 1);
        let marker = format!("{}.{}#{}", self.slot.0, self.slot.1, self.counter.get());
        self.found(Shape::Text(enums::values(&self.slot.0, &self.slot.1)), marker)
    }

    fn read_blob(&mut self, _: &Schema<'_>) -> Result<Blob, SerdeError> {
        self.found(Shape::Text(None), Blob::new(Vec::new()))
    }

    fn read_timestamp(&mut self, _: &Schema<'_>) -> Result<DateTime, SerdeError> {
        self.found(Shape::Number, DateTime::from_secs(0))
    }

    fn read_document(&mut self, _: &Schema<'_>) -> Result<Document, SerdeError> {
        self.found(Shape::Document, Document::Null)
    }

    fn is_null(&self) -> bool {
        false
    }

    fn container_size(&self) -> Option<usize> {
        None
    }
}
