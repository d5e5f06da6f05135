//! A look over the text before the parser gets it, and words for what the parser says.
//!
//! The parser takes seconds for deeply nested brackets, whatever comes of them, keeps a hundred bytes for
//! each value before anybody sees the first, and silently drops tags outside the local `!` namespace.
//! All of that is found here by following the tokens of YAML just
//! closely enough to know what is quoted, commented, or part of a block of text. Where the two
//! could differ this side errs on letting text through: the parser and the exact checks in the
//! visitor come after it.

use super::{Fault, MAX_DEPTH, MAX_FILE_BYTES, MAX_NODES};
use crate::model::Position;

pub(super) const TOO_DEEP_HINT: &str = "no manifest needs this: look for brackets or dashes that are not meant";
pub(super) const TAG_HINT: &str = "point at another manifest with `{ref: NAME}`; `${AWS::AccountId}`, `${AWS::Region}` and \
                                   `${AWS::Partition}` expand in any text; quote text that starts with `!`";

pub(super) const TOO_MANY_HINT: &str = "an alias (`*name`) counts every time it is used: write less, or split the file";

/// How many values the parser may see. More than are read: who is told of the faults in a file is told
/// before its end.
const MAX_VALUES: usize = MAX_NODES / 5 * 8;

pub(super) fn too_many() -> String {
    format!("more than {MAX_NODES} values in one file")
}

pub(super) fn too_deep() -> String {
    format!("nested more than {MAX_DEPTH} levels deep")
}

pub(super) fn tag_message(tag: &str) -> String {
    let (shown, rest) = tag.split_at(tag.char_indices().nth(40).map_or(tag.len(), |(at, _)| at));
    let more = if rest.is_empty() { "" } else { "…" };
    format!("YAML tags such as `{}{more}` are not supported", shown.escape_debug())
}

/// Text that the parser may read.
#[derive(Debug)]
pub(super) struct Scanned<'t> {
    pub(super) text: &'t str,
    /// Tags that the parser would drop without a word, as faults without a path.
    pub(super) tags: Vec<Fault>,
}

/// Checks size, encoding, characters, nesting and number of values.
pub(super) fn scan(bytes: &[u8]) -> Result<Scanned<'_>, Box<Fault>> {
    let refuse = |document, at, message, hint: &str| {
        Box::new(Fault { document, at, path: String::new(), message, hint: Some(hint.into()) })
    };
    if bytes.len() > MAX_FILE_BYTES {
        let message = format!("the file has {} bytes, and at most {MAX_FILE_BYTES} are read", bytes.len());
        return Err(refuse(0, None, message, "split the file"));
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text.strip_prefix('\u{feff}').unwrap_or(text),
        Err(error) => {
            let (good, bad) = bytes.split_at(error.valid_up_to());
            let byte = bad.first().copied().unwrap_or_default();
            let at = end_of(&String::from_utf8_lossy(good));
            let message = format!("the file is not UTF-8 text: byte 0x{byte:02x} at offset {}", good.len());
            return Err(refuse(0, Some(at), message, "save the file as UTF-8"));
        }
    };
    if let Some((offset, c)) = text.char_indices().find(|(_, c)| !is_allowed(*c)) {
        let message =
            format!("the file holds the character U+{:04X}, which not every reader of YAML takes", u32::from(c));
        return Err(refuse(
            0,
            Some(end_of(&text[..offset])),
            message,
            "take it out, or escape it in double quotes (`\"\\u2028\"`)",
        ));
    }
    let mut scanner = Scanner::new(text);
    match scanner.run() {
        Ok(()) => Ok(Scanned { text, tags: scanner.tags }),
        Err(TooMuch { message, hint }) => Err(refuse(scanner.document(), Some(scanner.here()), message, hint)),
    }
}

/// The characters that a file may hold unescaped. Those that YAML does not allow are refused by the
/// parser too, but without a place. The exotic line ends are allowed in YAML, yet to the parser they
/// break lines, inside of quotes too, while JSON and YAML 1.2 say that they are characters like any other.
fn is_allowed(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r')
        || !(c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{fffe}' | '\u{ffff}' | '\u{feff}'))
}

/// The position behind a text.
fn end_of(text: &str) -> Position {
    let line_start = text.rfind('\n').map_or(0, |at| at + 1);
    let column = text[line_start..].trim_start_matches('\u{feff}').chars().count() + 1;
    Position { line: text.matches('\n').count() + 1, column }
}

/// A syntax error in the words of the parser, with what usually causes it.
pub(super) fn syntax_fault(document: usize, at: Option<Position>, error: &str, text: &str) -> Fault {
    let place = at.map(|at| format!(" at line {} column {}", at.line, at.column)).unwrap_or_default();
    if error.contains("repetition limit") {
        let message = "aliases (`*name`) refer to each other too often".to_owned();
        return Fault { document, at, path: String::new(), message, hint: Some("write the values out".into()) };
    }
    let problem = if place.is_empty() { error.to_owned() } else { error.replacen(&place, "", 1) };
    let conflict = text.lines().position(|line| line.starts_with("<<<<<<< ") || line.starts_with(">>>>>>> "));
    let template = at.and_then(|at| text.lines().nth(at.line - 1)).is_some_and(|line| line.contains("{%"));
    // What an open quote swallowed is not where to look.
    let opened = problem.split_once("quoted scalar at line ").and_then(|(_, place)| {
        let (line, column) = place.split_once(" column ")?;
        Some(Position { line: line.parse().ok()?, column: column.parse().ok()? })
    });
    let at = conflict.map(|line| Position { line: line + 1, column: 1 }).or(opened).or(at);
    let hint = if conflict.is_some() {
        "the file holds the marks of an unresolved merge conflict (`<<<<<<<`): resolve it"
    } else if template {
        "render templates such as `{% for … %}` before committing"
    } else if at.and_then(|at| text.lines().nth(at.line - 1)?.chars().nth(at.column - 1)) == Some('\t') {
        "indent with spaces: YAML does not allow tabs there"
    } else {
        match problem.as_str() {
            p if p.contains("cannot start any token") => "quote a value that starts with `@`, `` ` `` or `%`",
            p if p.contains("mapping values are not allowed") => {
                "quote a value that holds `: `; otherwise the line is indented too far, or the line above lacks its value"
            }
            p if p.contains("anchor") => {
                "define it with `&name` earlier in the same document, or quote text that starts with `*`"
            }
            p if p.contains("did not find expected key")
                || p.contains("block collection")
                || p.contains("'-' indicator") =>
            {
                "compare the indentation with the lines above, and look for a quote that ends too early"
            }
            p if p.contains("quoted scalar") => "look for a quote that is not closed",
            p if p.contains("flow") => "look for a bracket that is not closed, or a comma that is missing",
            _ => "compare the line with the ones above; an unclosed quote or bracket earlier also ends here",
        }
    };
    Fault { document, at, path: String::new(), message: format!("not valid YAML: {problem}"), hint: Some(hint.into()) }
}

/// Why the parser is not to see a file.
struct TooMuch {
    message: String,
    hint: &'static str,
}

/// Follows tokens without building any. Outside of flow brackets the columns of open block
/// collections are kept just as the parser keeps them.
struct Scanner<'t> {
    text: &'t str,
    bytes: &'t [u8],
    at: usize,
    line_start: usize,
    /// Columns (in bytes) of the open block collections; its length is the nesting.
    columns: Vec<usize>,
    /// Open flow brackets.
    flow: usize,
    /// Where the text began that a `:` would make a key.
    key: Option<usize>,
    /// Documents that began.
    begun: usize,
    /// Values so far, as far as that is certain.
    values: usize,
    /// The last token, if it is one behind which there is a value, written or not.
    sign: Option<u8>,
    tags: Vec<Fault>,
}

impl<'t> Scanner<'t> {
    fn new(text: &'t str) -> Self {
        let bytes = text.as_bytes();
        let (columns, tags, values, sign) = (Vec::new(), Vec::new(), 0, None);
        Self { text, bytes, at: 0, line_start: 0, columns, flow: 0, key: None, begun: 0, values, sign, tags }
    }

    fn document(&self) -> usize {
        self.begun.saturating_sub(1)
    }

    fn here(&self) -> Position {
        end_of(&self.text[..self.at])
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.at + ahead).copied()
    }

    /// Whether the byte ahead is white space or the end.
    fn blank(&self, ahead: usize) -> bool {
        matches!(self.peek(ahead), None | Some(b' ' | b'\t' | b'\n' | b'\r'))
    }

    fn column(&self) -> usize {
        self.at - self.line_start
    }

    fn run(&mut self) -> Result<(), TooMuch> {
        while let Some(byte) = self.peek(0) {
            if matches!(byte, b' ' | b'\t' | b'\r') {
                self.at += 1;
            } else if byte == b'\n' {
                self.newline();
            } else if byte == b'#' {
                self.skip_line();
            } else if self.at_marker() {
                self.marker();
            } else if byte == b'%' && self.column() == 0 && self.flow == 0 {
                self.directive();
            } else {
                self.token(byte)?;
            }
        }
        Ok(())
    }

    fn newline(&mut self) {
        self.at += 1;
        self.line_start = self.at;
        self.key = None;
    }

    fn skip_line(&mut self) {
        self.at = self.text[self.at..].find('\n').map_or(self.bytes.len(), |length| self.at + length);
    }

    /// Whether a document starts or ends here.
    fn at_marker(&self) -> bool {
        let rest = &self.bytes[self.at..];
        self.column() == 0 && (rest.starts_with(b"---") || rest.starts_with(b"...")) && self.blank(3)
    }

    fn marker(&mut self) {
        self.begun += usize::from(self.peek(0) == Some(b'-'));
        self.columns.clear();
        self.sign = None;
        self.flow = 0;
        self.at += 3;
    }

    /// `%TAG` can rename any tag into one that the parser drops.
    fn directive(&mut self) {
        if self.bytes[self.at..].starts_with(b"%TAG") {
            self.refuse_tag("%TAG", self.begun);
        }
        self.skip_line();
    }

    fn refuse_tag(&mut self, tag: &str, document: usize) {
        // A place costs a look over the whole text, and no more than these are listed.
        if self.tags.len() <= super::MAX_FAULTS {
            let at = Some(self.here());
            let (message, hint) = (tag_message(tag), Some(TAG_HINT.into()));
            self.tags.push(Fault { document, at, path: String::new(), message, hint });
        }
    }

    fn token(&mut self, byte: u8) -> Result<(), TooMuch> {
        self.begun = self.begun.max(1);
        let block = self.flow == 0;
        if block {
            while self.columns.last().is_some_and(|open| *open > self.column()) {
                self.columns.pop();
            }
        }
        match byte {
            b'-' | b'?' if self.blank(1) => {
                self.count_left_out(byte)?;
                if block {
                    self.open_block(self.column())?;
                }
                self.key = None;
                self.at += 1;
            }
            b':' if self.blank(1) || !block => {
                self.count_left_out(byte)?;
                if let (Some(column), true) = (self.key.take(), block) {
                    self.open_block(column)?;
                }
                self.at += 1;
            }
            b'[' | b'{' => {
                self.count()?;
                self.flow += 1;
                self.check()?;
                self.at += 1;
            }
            b']' | b'}' => {
                self.sign = None;
                self.flow = self.flow.saturating_sub(1);
                self.at += 1;
            }
            b',' if !block => {
                self.count_left_out(byte)?;
                self.at += 1;
            }
            b'&' | b'!' => self.property(byte),
            _ => {
                self.count()?;
                match byte {
                    b'|' | b'>' if block => self.block_text(),
                    b'"' | b'\'' => self.quoted(byte),
                    b'*' => self.property(byte),
                    _ => self.plain(),
                }
            }
        }
        Ok(())
    }

    /// Counts a value. The parser keeps all of a document before anybody sees the first of it.
    fn count(&mut self) -> Result<(), TooMuch> {
        self.sign = None;
        self.values += 1;
        if self.values <= MAX_VALUES {
            return Ok(());
        }
        Err(TooMuch { message: too_many(), hint: TOO_MANY_HINT })
    }

    /// Counts what is between two signs without being written: nothing, or the list or map that the
    /// second one opens. A question mark behind a comma opens none.
    fn count_left_out(&mut self, sign: u8) -> Result<(), TooMuch> {
        if self.sign.is_some() && (self.sign, sign) != (Some(b','), b'?') {
            self.count()?;
        }
        self.sign = Some(sign);
        Ok(())
    }

    fn open_block(&mut self, column: usize) -> Result<(), TooMuch> {
        if self.columns.last().is_none_or(|open| *open < column) {
            self.columns.push(column);
        }
        self.check()
    }

    fn check(&self) -> Result<(), TooMuch> {
        if self.columns.len() + self.flow <= MAX_DEPTH {
            return Ok(());
        }
        Err(TooMuch { message: too_deep(), hint: TOO_DEEP_HINT })
    }

    /// Remembers that a key may begin here.
    fn maybe_key(&mut self) {
        self.key = self.key.or(Some(self.column()));
    }

    fn quoted(&mut self, quote: u8) {
        self.maybe_key();
        self.at += 1;
        while let Some(byte) = self.peek(0) {
            match byte {
                b'\n' => {
                    self.newline();
                    continue;
                }
                b'\\' if quote == b'"' && self.peek(1) != Some(b'\n') => self.at += 1,
                b'\'' if quote == b'\'' && self.peek(1) == Some(b'\'') => self.at += 1,
                _ if byte == quote => {
                    self.at += 1;
                    return;
                }
                _ => {}
            }
            self.at += 1;
        }
        self.at = self.bytes.len();
    }

    /// An anchor, an alias or a tag.
    fn property(&mut self, byte: u8) {
        self.maybe_key();
        let start = self.at;
        self.at += 1;
        while !(self.blank(0) || self.flow > 0 && matches!(self.peek(0), Some(b',' | b'[' | b']' | b'{' | b'}'))) {
            self.at += 1;
        }
        let text = self.text;
        let tag = &text[start..self.at];
        // `!name` reaches the visitor, which knows the path. `!!name`, `!<uri>` and `!handle!name`
        // do not.
        if byte == b'!' && (tag.starts_with("!<") || tag[1..].contains('!')) {
            let end = self.at;
            self.at = start;
            self.refuse_tag(tag, self.document());
            self.at = end;
        }
    }

    /// Plain text: up to a `: `, a comment, or the end of the lines that belong to it.
    fn plain(&mut self) {
        self.maybe_key();
        loop {
            while let Some(byte) = self.peek(0) {
                let flow_ends = |byte| matches!(byte, Some(b',' | b'[' | b']' | b'{' | b'}'));
                let ends = match byte {
                    b'\n' => break,
                    b':' => self.blank(1) || (self.flow > 0 && flow_ends(self.peek(1))),
                    b'#' => matches!(self.bytes.get(self.at.wrapping_sub(1)), Some(b' ' | b'\t')),
                    _ => self.flow > 0 && flow_ends(Some(byte)),
                };
                if ends {
                    return;
                }
                self.at += 1;
            }
            let Some(next) = self.next_line_of_plain() else { return };
            self.newline();
            self.at = next;
            self.line_start = self.text[..next].rfind('\n').map_or(0, |at| at + 1);
        }
    }

    /// Where plain text goes on behind the end of its line, if it does: on a line that is indented
    /// deeper than the collection around it.
    fn next_line_of_plain(&self) -> Option<usize> {
        let rest = self.text.get(self.at..)?;
        let start = self.at + rest.find(|c: char| !c.is_ascii_whitespace())?;
        let line_start = self.text[..start].rfind('\n').map_or(0, |at| at + 1);
        let indented = self.flow > 0 || self.columns.last().is_none_or(|open| start - line_start > *open);
        let marker =
            start == line_start && (self.text[start..].starts_with("---") || self.text[start..].starts_with("..."));
        (indented && !marker && !self.text[start..].starts_with('#')).then_some(start)
    }

    /// A block of text (`|` or `>`): all lines that are indented at least as deeply as its first.
    fn block_text(&mut self) {
        let header_start = self.at;
        self.skip_line();
        let header = self.text[header_start..self.at].split('#').next().unwrap_or_default();
        let parent = self.columns.last().copied();
        let minimum = parent.map_or(1, |open| open + 1);
        let given =
            header.bytes().find(u8::is_ascii_digit).map(|digit| parent.unwrap_or(0) + usize::from(digit - b'0'));
        let mut indent = given;
        while self.at < self.bytes.len() {
            self.newline();
            let line = self.text[self.at..].split('\n').next().unwrap_or_default();
            let spaces = line.len() - line.trim_start_matches(' ').len();
            if !line.trim_ascii().is_empty() {
                let needed = *indent.get_or_insert(spaces.max(minimum));
                if spaces < needed {
                    return;
                }
            }
            self.skip_line();
        }
    }
}
