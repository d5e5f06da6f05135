use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::value::{Path, Segment};

/// The values of a file without faults.
#[track_caller]
fn values(text: &str) -> Vec<Value> {
    let parsed = parse(text.as_bytes());
    assert_eq!(parsed.faults, [], "{text}");
    parsed.documents.into_iter().map(|document| document.value).collect()
}

/// The faults of a file as `document@line:column path: message`.
fn faults(text: impl AsRef<[u8]>) -> Vec<String> {
    parse(text.as_ref()).faults.iter().map(|fault| format!("{}@{fault}", fault.document)).collect()
}

fn hint(text: &str) -> String {
    parse(text.as_bytes()).faults.into_iter().next().and_then(|fault| fault.hint).unwrap_or_default()
}

fn to_steps(path: &[Segment]) -> Vec<locate::Step> {
    path.iter()
        .map(|segment| match segment {
            Segment::Key(key) | Segment::Named(key) => locate::Step::Key(key.clone()),
            Segment::Index(index) => locate::Step::Index(*index),
        })
        .collect()
}

/// The place of exactly one value, or of its key: what `locate_all` is held against.
fn locate(bytes: &[u8], document: usize, path: &[Segment], key: bool) -> Option<Position> {
    let scanned = scan::scan(bytes).ok()?;
    locate::find(scanned.text, document, &to_steps(path), key)
}

fn place(text: &str, document: usize, path: &[Segment], key: bool) -> String {
    locate(text.as_bytes(), document, path, key).map_or("nowhere".into(), |at| at.to_string())
}

fn k(key: &str) -> Segment {
    Segment::Key(key.into())
}

#[test]
fn json_is_read_as_yaml() {
    let text = r#"{"a": [1, 2.5, "x", null, true], "b": {"c": -1}}"#;
    assert_eq!(values(text), [json!({"a": [1, 2.5, "x", null, true], "b": {"c": -1}})]);
}

#[test]
fn numbers_keep_being_integers_or_floats_and_yes_and_account_ids_keep_being_text() {
    let read =
        values("a: 1\nb: 1.0\nc: 012345678901\nd: yes\ne: 18446744073709551615\nf: -9223372036854775808\ng: 1.10");
    assert_eq!(
        read,
        [json!({"a": 1, "b": 1.0, "c": "012345678901", "d": "yes", "e": u64::MAX, "f": i64::MIN, "g": 1.1})]
    );
}

#[test]
fn keys_keep_the_order_of_the_file() {
    let read = values("z: 1\na: 2\nm: 3");
    assert_eq!(serde_json::to_string(&read).unwrap(), r#"[{"z":1,"a":2,"m":3}]"#);
}

#[test]
fn a_byte_order_mark_and_windows_line_ends_change_nothing() {
    let text = "\u{feff}a: 1\r\nb: |\r\n  x\r\n  y\r\n---\r\nc: [1,\r\n  2]\r\n";
    assert_eq!(values(text), [json!({"a": 1, "b": "x\ny\n"}), json!({"c": [1, 2]})]);
    assert_eq!(place(text, 0, &[k("a")], true), "1:1");
    assert_eq!(place(text, 1, &[k("c"), Segment::Index(1)], false), "7:3");
}

#[test]
fn empty_documents_are_skipped_and_still_counted() {
    for text in ["", "\n\n", "# nothing\n", "---\n", "---\n---\n", "---\n# x\n---\n...\n", "~", "\u{feff}"] {
        assert_eq!(parse(text.as_bytes()), Parsed::default(), "{text:?}");
    }
    let parsed = parse(b"---\n# empty\n---\na: 1\n---\n---\nb: 2\n---\n");
    let indices: Vec<_> = parsed.documents.iter().map(|document| document.index).collect();
    assert_eq!(indices, [1, 3]);
    assert_eq!(parsed.faults, []);
}

#[test]
fn every_duplicate_key_is_named_with_the_line_of_the_first() {
    let text = "a: 1\nb:\n  x: 1\n  x: 2\na: 3\nc:\n- {y: 1, y: 2, z: 1, y: 3}\n";
    assert_eq!(
        faults(text),
        [
            "0@4:3: b.x: the key `x` is given twice; the first is on line 3",
            "0@5:1: a: the key `a` is given twice; the first is on line 1",
            "0@7:10: c[0].y: the key `y` is given twice; the first is on line 7",
            "0@7:22: c[0].y: the key `y` is given twice; the first is on line 7",
        ]
    );
}

#[test]
fn the_first_of_two_keys_is_found_inside_a_map_that_is_itself_given_twice() {
    let text = "a: {x: 1}\na:\n  x: 1\n  x: 2\n";
    assert_eq!(
        faults(text),
        [
            "0@2:1: a: the key `a` is given twice; the first is on line 1",
            "0@4:3: a.x: the key `x` is given twice; the first is on line 3",
        ]
    );
}

#[test]
fn the_very_first_character_of_a_file_is_a_place_too() {
    assert_eq!(faults("1: x"), ["0@1:1: 1: the key 1 is a number, and keys are text"]);
    assert_eq!(faults("!x y"), ["0@1:1: YAML tags such as `!x` are not supported"]);
}

#[test]
fn merge_keys_are_refused_with_the_way_out() {
    let text = "base: &base {a: 1}\nuse:\n  <<: *base\n  b: 2\n";
    assert_eq!(faults(text), ["0@3:3: use.<<: merge keys (`<<`) are not supported"]);
    assert_eq!(hint(text), "write the fields out");
}

#[test]
fn tags_are_refused_wherever_they_stand_and_the_hint_names_references() {
    let text = "a: !Ref web\nb: !Sub [x, !Y z]\nc: !GetAtt {d: .nan}\n!K e: 1\n";
    assert_eq!(
        faults(text),
        [
            "0@1:4: a: YAML tags such as `!Ref` are not supported",
            "0@2:4: b: YAML tags such as `!Sub` are not supported",
            "0@2:13: b[1]: YAML tags such as `!Y` are not supported",
            "0@3:4: c: YAML tags such as `!GetAtt` are not supported",
            "0@3:16: c.d: not a finite number",
            "0@4:1: !K: YAML tags such as `!K` are not supported",
        ]
    );
    assert!(hint(text).contains("{ref: NAME}") && hint(text).contains("${AWS::AccountId}"));
}

#[test]
fn tags_that_the_parser_would_drop_are_refused_too() {
    assert_eq!(faults("a: !!binary aGk="), ["0@1:4: YAML tags such as `!!binary` are not supported"]);
    assert_eq!(faults("ok: 1\n---\na: [1, !<tag:x> b]"), ["1@3:8: YAML tags such as `!<tag:x>` are not supported"]);
    assert_eq!(faults("%TAG !e! tag:x:\n---\na: !e!b c")[0], "0@1:1: YAML tags such as `%TAG` are not supported");
    for text in ["a: b !!c", "a: '!!c'", "a: |\n  !!c", "# !!c\na: b", "a: b\n  !!c", "a: \"x\n  !!c\""] {
        assert_eq!(values(text).len(), 1, "{text:?}");
    }
}

#[test]
fn keys_that_are_not_text_are_refused_with_the_quoted_form() {
    assert_eq!(
        faults("a:\n  8080: x\n  true: y\n  1.5: z\n  ~: n\n  yes: fine\n"),
        [
            "0@2:3: a.8080: the key 8080 is a number, and keys are text",
            "0@3:3: a.true: the key true is a boolean, and keys are text",
            "0@4:3: a[\"1.5\"]: the key 1.5 is a number, and keys are text",
            "0@5:3: a.null: the key null is empty, and keys are text",
        ]
    );
    assert_eq!(hint("8080: x"), "quote it: \"8080\"");
}

#[test]
fn a_template_that_was_not_rendered_is_named_as_such() {
    let text = "ok: 1\n---\nimage: {{ image }}\n";
    assert_eq!(faults(text), ["1@3:9: image: a map stands where a key is expected, and keys are text"]);
    assert!(hint(text).contains("render templates"));
    assert_eq!(parse(text.as_bytes()).documents.len(), 1);
}

#[test]
fn numbers_that_are_none_or_too_large_are_refused() {
    assert_eq!(
        faults("- .nan\n- -.inf\n- 99999999999999999999\n- -99999999999999999999\n- 1"),
        [
            "0@1:3: [0]: not a finite number",
            "0@2:3: [1]: not a finite number",
            "0@3:3: [2]: the number 99999999999999999999 is out of range",
            "0@4:3: [3]: the number -99999999999999999999 is out of range",
        ]
    );
}

#[test]
fn control_characters_are_refused_escaped_or_not() {
    assert_eq!(faults(r#"a: "x\0""#), ["0@1:4: a: holds the control character U+0000"]);
    assert_eq!(faults(r#""a\nb": 1"#), ["0@1:1: [\"a\\nb\"]: the key holds the control character U+000A"]);
    assert_eq!(faults(r#"a: "\u001b[1m""#), ["0@1:4: a: holds the control character U+001B"]);
    assert_eq!(
        faults("a: 1\nb: x\0y"),
        ["0@2:5: the file holds the character U+0000, which not every reader of YAML takes"]
    );
    assert_eq!(
        faults("a: x\u{2028}y"),
        ["0@1:5: the file holds the character U+2028, which not every reader of YAML takes"]
    );
    assert_eq!(values("a: \"x\\ty\\nz\\u2028\""), [json!({"a": "x\ty\nz\u{2028}"})]);
}

#[test]
fn what_is_not_utf8_is_refused_with_the_offset_and_the_place() {
    assert_eq!(faults(b"a: 1\nb: \xff"), ["0@2:4: the file is not UTF-8 text: byte 0xff at offset 8"]);
    assert_eq!(faults(b"\xff\xfea\0"), ["0@1:1: the file is not UTF-8 text: byte 0xff at offset 0"]);
}

#[test]
fn a_document_with_a_fault_yields_nothing_and_its_neighbours_stay() {
    let parsed = parse(b"a: 1\n---\nb: 1\nb: 2\n---\nc: 3\n");
    assert_eq!(parsed.documents.iter().map(|document| document.index).collect::<Vec<_>>(), [0, 2]);
    assert_eq!(parsed.faults.len(), 1);
    assert_eq!(parsed.faults[0].document, 1);
}

#[test]
fn a_syntax_error_ends_the_file_and_keeps_the_documents_before_it() {
    let parsed = parse(b"a: 1\n---\nb: [1\nc: 2\n---\nd: 1\n");
    assert_eq!(parsed.documents, [Document { index: 0, value: json!({"a": 1}) }]);
    assert_eq!(parsed.faults.len(), 1);
    assert!(parsed.faults[0].message.starts_with("not valid YAML: did not find expected ',' or ']'"), "{parsed:?}");
}

#[test]
fn faults_before_a_syntax_error_in_the_same_document_are_reported_with_it() {
    let found = faults("a: 1\na: 2\nb: 'x\n");
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].starts_with("0@2:1: a: the key"), "{found:?}");
    assert!(found[1].contains("not valid YAML"), "{found:?}");
}

#[test]
fn syntax_errors_come_with_their_usual_cause() {
    for (text, message, cause) in [
        ("a: b: c", "mapping values are not allowed in this context", "quote a value that holds"),
        ("a: @x", "found character that cannot start any token", "quote a value that starts with `@`"),
        ("a:\n\tb: 1", "found character that cannot start any token", "tabs"),
        ("a: *x", "unknown anchor", "&name"),
        ("a: 'x", "found unexpected end of stream", "quote that is not closed"),
        ("a: 1\n<<<<<<< HEAD\nb: 2\n=======\nb: 3\n>>>>>>> x\n", "could not find expected ':'", "merge conflict"),
        ("a: 1\n b: 2", "mapping values are not allowed", "indented"),
        ("- 1\na: 2", "did not find expected '-' indicator", "indentation"),
        ("a: &x [*x]", "nested more than 64 levels deep", "brackets"),
    ] {
        let found = faults(text);
        assert!(found[0].contains(message), "{text:?}: {found:?}");
        assert!(hint(text).contains(cause), "{text:?}: {}", hint(text));
        assert!(parse(text.as_bytes()).faults[0].at.is_some(), "{text:?} has no place");
    }
}

#[test]
fn hostile_files_are_refused_quickly() {
    let scalar = format!("a: &a {}\nb:\n{}", "x".repeat(64 * 1024), "- *a\n".repeat(20_000));
    let bomb = (1..12).fold("a0: &a0 [x, x]\n".to_owned(), |text, n| {
        let items = vec![format!("*a{}", n - 1); 9].join(", ");
        format!("{text}a{n}: &a{n} [{items}]\n")
    });
    let cases = [
        ("a scalar aliased often", scalar, "bytes of text in one file"),
        ("an alias bomb", bomb, "aliases (`*name`) refer to each other too often"),
        ("brackets", "[".repeat(500_000), "nested more than 64"),
        ("maps in brackets", "{a: ".repeat(100_000), "nested more than 64"),
        ("brackets in a late field", format!("a: 1\nx-b:\n  {}", "[".repeat(100_000)), "nested more than 64"),
        ("dashes", "- ".repeat(100_000), "nested more than 64"),
        ("question marks", "? ".repeat(100_000), "nested more than 64"),
        ("growing indentation", (0..1000).map(|n| format!("{}a:\n", " ".repeat(n))).collect(), "nested more than 64"),
        ("too many values", format!("[{}]", "1,".repeat(300_000)), "values in one file"),
        ("too many documents", "---\na: 1\n".repeat(2000), "more than 1000 documents"),
        ("too many bytes", "#".repeat(MAX_FILE_BYTES + 1), "at most 1048576 are read"),
        ("nothing but duplicates", "a: 1\n".repeat(90_000), "given twice"),
        ("nothing but dropped tags", "- !!a b\n".repeat(50_000), "tags"),
    ];
    for (what, text, message) in cases {
        let started = std::time::Instant::now();
        let parsed = parse(text.as_bytes());
        assert!(
            parsed.faults.iter().any(|fault| fault.message.contains(message)),
            "{what}: {:?}",
            parsed.faults.first()
        );
        assert!(parsed.faults.len() <= MAX_FAULTS + 1, "{what}: {} faults", parsed.faults.len());
        // Far from the seconds and minutes of the bare parser, far enough from a busy machine.
        assert!(started.elapsed().as_secs() < 10, "{what} took {:?}", started.elapsed());
    }
}

#[test]
fn the_deepest_allowed_nesting_is_read_in_every_style() {
    let flow = format!("{}1{}", "[".repeat(MAX_DEPTH), "]".repeat(MAX_DEPTH));
    let dashes = format!("{}1", "- ".repeat(MAX_DEPTH));
    let maps: String = (0..MAX_DEPTH).map(|n| format!("{}a:\n", " ".repeat(n))).collect();
    for text in [flow, dashes, maps] {
        assert_eq!(values(&text).len(), 1, "{text}");
        let deeper = if text.contains('1') {
            text.replace('1', "[1]")
        } else {
            format!("{}[b]", text.trim_end()).replace(":[b]", ": [b]")
        };
        assert!(faults(&deeper)[0].ends_with("nested more than 64 levels deep"), "{deeper}");
    }
    // Lists at the column of their map: twice the nesting that the columns show.
    let hidden: String = (0..40).map(|n| format!("{0}a:\n{0}- b: 1\n", "  ".repeat(n))).collect();
    assert!(faults(&hidden)[0].ends_with("nested more than 64 levels deep"));
}

#[test]
fn brackets_in_text_and_comments_are_not_nesting() {
    let many = "[{".repeat(200);
    for text in [
        format!("a: \"{many}\""),
        format!("a: '{many}'''"),
        format!("a: \"\\\"{many}\""),
        format!("a: 1 # {many}\n# {many}"),
        format!("a: |\n  {many}\n\n   {many}\nb: 1"),
        format!("- a: >-\n    {many}\n  b: 1"),
        format!("- |2-\n    {many}\n- 1"),
        format!("a: x {many}\nb: 1"),
        format!("a: x\n  {many}\nb: 1"),
        format!("a: it's\n  {many}\nb: don't"),
        format!("a:\n  x\n\n  {many}\nb: 1"),
        format!("a: &x |\n  {many}\nb: *x"),
        format!("a: 'x\n\n  {many}'\nb: 1"),
        format!("\"{many}\": 1"),
        format!("[a, \"{many}\", 'b{many}']"),
        format!("--- |\n {many}\n---\na: 1"),
    ] {
        assert!(!values(&text).is_empty(), "{text}");
    }
}

#[test]
fn many_faults_are_cut_off_with_a_note() {
    let found = faults("- .nan\n".repeat(MAX_FAULTS + 50));
    assert_eq!(found.len(), MAX_FAULTS + 1);
    assert!(found[MAX_FAULTS].contains("more than 100 faults"), "{}", found[MAX_FAULTS]);
}

#[test]
fn long_keys_and_tags_are_refused_without_being_repeated_in_full() {
    let found = faults(format!("? {}\n: .nan\nb: 1\n", "k".repeat(MAX_KEY_BYTES + 1)));
    let path = format!("{}…", "k".repeat(32));
    assert_eq!(
        found,
        [format!("0@1:3: {path}: the key is longer than 1024 bytes"), format!("0@2:3: {path}: not a finite number")]
    );
    assert!(faults(format!("a: !{} b", "x".repeat(5000)))[0].len() < 120);
    assert!(faults(format!("a: !!{} b", "x".repeat(5000)))[0].len() < 120);
}

#[test]
fn values_and_keys_are_located_in_any_document() {
    let text = "a: 1\n---\nspec:\n  tags:\n    \"é\": x\n  list:\n  - one\n  -  {two: [ 3 ]}\n  text: |\n    x\n";
    let list = |rest: &[Segment]| [&[k("spec"), k("list")], rest].concat();
    assert_eq!(place(text, 1, &[], false), "3:1");
    assert_eq!(place(text, 1, &[k("spec")], true), "3:1");
    assert_eq!(place(text, 1, &[k("spec")], false), "4:3");
    assert_eq!(place(text, 1, &[k("spec"), k("tags"), k("é")], true), "5:5");
    assert_eq!(place(text, 1, &[k("spec"), k("tags"), k("é")], false), "5:10");
    assert_eq!(place(text, 1, &list(&[Segment::Index(0)]), true), "7:5");
    assert_eq!(place(text, 1, &list(&[Segment::Index(1), k("two"), Segment::Index(0)]), false), "8:14");
    assert_eq!(place(text, 1, &[k("spec"), k("text")], false), "9:9");
    assert_eq!(place(text, 0, &[k("a")], false), "1:4");
}

#[test]
fn a_path_that_is_not_there_is_nowhere() {
    let text = "a: [1, {b: c}]\n";
    for path in [
        vec![k("b")],
        vec![k("a"), Segment::Index(2)],
        vec![k("a"), k("0")],
        vec![Segment::Index(0)],
        vec![k("a"), Segment::Index(0), k("x")],
    ] {
        assert_eq!(place(text, 0, &path, false), "nowhere", "{path:?}");
        assert_eq!(place(text, 0, &path, true), "nowhere", "{path:?}");
    }
    assert_eq!(place(text, 1, &[], false), "nowhere");
    assert_eq!(place("a: *x\n---\nb: 1", 1, &[], false), "nowhere");
}

#[test]
fn a_value_from_an_alias_stands_where_its_anchor_is() {
    let text = "a: &x {b: 1}\nc: *x\n";
    assert_eq!(place(text, 0, &[k("c"), k("b")], false), "1:11");
    assert_eq!(place(text, 0, &[k("c")], true), "2:1");
    assert_eq!(values(text), [json!({"a": {"b": 1}, "c": {"b": 1}})]);
}

#[test]
fn paths_are_written_so_that_they_can_be_told_apart() {
    let path = [k("a"), k("b/c"), Segment::Index(2), k("d.e"), k("f")];
    assert_eq!(Path(path.to_vec()).to_string(), "a.b/c[2][\"d.e\"].f");
    assert_eq!(Path(Vec::new()).to_string(), "");
}

/// Pieces that, strung together, reach every corner of the grammar.
fn soup() -> impl Strategy<Value = String> {
    let pieces = [
        "- ",
        "a: ",
        "b: ",
        "[",
        "]",
        "{",
        "}",
        "&a ",
        "*a",
        "!x ",
        "!!y ",
        "|\n",
        ">2\n",
        "\n",
        "\n  ",
        "\n",
        "  ",
        "'",
        "\"",
        "---\n",
        "...\n",
        "# c\n",
        "? ",
        ": ",
        ", ",
        "<<: ",
        ".nan",
        "\\0",
        "\t",
        "é",
        "\r\n",
        "%TAG ! x\n",
        "1",
        "~",
        "text",
    ];
    proptest::collection::vec(proptest::sample::select(pieces.to_vec()), 0..40).prop_map(|pieces| pieces.concat())
}

fn any_value() -> impl Strategy<Value = Value> {
    // Without the exotic line ends, which are refused unescaped.
    let text = prop_oneof![
        "[^\\p{C}\u{2028}\u{2029}]{0,12}",
        "[a-z0-9: #'\"{}\\[\\]|>&*!%@`,?-]{0,8}",
        Just("true".to_owned()),
        Just("0o17".into()),
        Just("x\ny\n".into())
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-1e9..1e9_f64).prop_map(Value::from),
        text.prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        let key =
            prop_oneof!["[a-z]{1,6}", "[^\\p{C}\u{2028}\u{2029}]{0,8}"].prop_filter("merge keys", |key| key != "<<");
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::vec((key, inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn every_path(value: &Value, path: &mut Vec<Segment>, found: &mut Vec<Vec<Segment>>) {
    found.push(path.clone());
    let children: Vec<_> = match value {
        Value::Array(items) => items.iter().enumerate().map(|(index, item)| (Segment::Index(index), item)).collect(),
        Value::Object(members) => members.iter().map(|(key, value)| (k(key), value)).collect(),
        _ => Vec::new(),
    };
    for (segment, child) in children {
        path.push(segment);
        every_path(child, path, found);
        path.pop();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(&bytes);
        let _ = locate(&bytes, 1, &[k("a")], true);
    }

    #[test]
    fn any_mess_of_yaml_is_read_without_a_panic_and_every_fault_has_a_place(text in soup()) {
        let parsed = parse(text.as_bytes());
        for fault in &parsed.faults {
            prop_assert!(fault.at.is_some(), "{:?} in {text:?}", fault);
        }
        for document in 0..4 {
            for path in [vec![], vec![k("a")], vec![Segment::Index(0), k("b")]] {
                let _ = locate(text.as_bytes(), document, &path, true);
                let _ = locate(text.as_bytes(), document, &path, false);
            }
        }
    }

    #[test]
    fn what_the_bare_parser_reads_is_read_the_same_or_refused(text in soup()) {
        let parsed = parse(text.as_bytes());
        for (index, document) in serde_yaml::Deserializer::from_str(&text).enumerate().take(20) {
            let Ok(bare) = <Value as serde::Deserialize>::deserialize(document) else { break };
            if let Some(ours) = parsed.documents.iter().find(|document| document.index == index) {
                prop_assert_eq!(&ours.value, &bare);
            } else {
                prop_assert!(bare.is_null() || parsed.faults.iter().any(|fault| fault.document <= index), "{text:?} lost {bare}");
            }
        }
    }

    #[test]
    fn a_value_that_is_written_is_read_back(value in any_value()) {
        let value = json!({"root": value});
        let text = serde_yaml::to_string(&value).unwrap();
        prop_assert_eq!(values(&text), [value.clone()]);
        prop_assert_eq!(values(&value.to_string()), [value]);
    }

    #[test]
    fn every_value_and_key_of_a_document_is_located(value in any_value()) {
        let value = json!({"root": value});
        let text = format!("first: 1\n---\n{}", serde_yaml::to_string(&value).unwrap());
        let lines: Vec<Vec<char>> = text.split('\n').map(|line| line.chars().collect()).collect();
        let mut paths = Vec::new();
        every_path(&value, &mut Vec::new(), &mut paths);
        for path in paths {
            prop_assert!(locate(text.as_bytes(), 1, &path, false).is_some(), "{path:?} in {text}");
            let at = locate(text.as_bytes(), 1, &path, true);
            prop_assert!(at.is_some(), "key of {path:?} in {text}");
            if let (Some(Segment::Key(key)), Some(at)) = (path.last(), at) && key.chars().all(|c| c.is_ascii_lowercase()) {
                let there: String = lines[at.line - 1][at.column - 1..].iter().collect();
                prop_assert!(there.trim_start_matches(['\'', '"']).starts_with(key.as_str()), "{key} is not at {at} in {text}");
            }
        }
    }
}

#[test]
fn the_starts_of_all_documents_are_where_each_is_found_alone() {
    for text in [
        "a: 1\n---\nb: 2\n---\n---\n# nothing\n---\n- c\n",
        "# first\n\n---\n{a: 1}\n--- |\n text\n",
        "",
        "a: 1\n---\n]\n---\nb: 2\n",
    ] {
        let alone: Vec<Position> = (0..8).map_while(|document| locate(text.as_bytes(), document, &[], false)).collect();
        assert_eq!(starts(text.as_bytes(), alone.len()), alone, "{text}");
    }
}

#[test]
fn many_places_are_found_as_one_by_one() {
    let text = b"a: {b: [c, {d: e}], f: *x}\n---\n---\na: &x [1, {b: 2}]\nc:\n  d: *x\n  e:\n";
    let text = String::from_utf8_lossy(text).replace("f: *x", "f: g").into_bytes();
    let (key, index) = (|name: &str| Segment::Key(name.to_owned()), Segment::Index);
    let paths = [
        vec![],
        vec![key("a")],
        vec![key("a"), key("b"), index(1), key("d")],
        vec![key("a"), index(1), key("b")],
        vec![key("c"), key("d"), index(1)],
        vec![key("c"), key("e")],
        vec![key("a"), key("nothing"), index(3)],
        vec![key("a"), key("b"), index(7)],
        vec![key("c"), key("e"), key("below")],
    ];
    let wanted: Vec<(usize, &Vec<Segment>, bool)> = (0..4)
        .flat_map(|document| paths.iter().flat_map(move |path| [(document, path, false), (document, path, true)]))
        .collect();
    let one_by_one = |document: usize, path: &[Segment], key: bool| {
        locate(&text, document, path, key)
            .or_else(|| (0..path.len()).rev().find_map(|n| locate(&text, document, &path[..n], false)))
    };
    let expected: Vec<_> = wanted.iter().map(|(document, path, key)| one_by_one(*document, path, *key)).collect();
    let wanted: Vec<_> = wanted.into_iter().map(|(document, path, key)| Wanted { document, path, key }).collect();
    assert_eq!(locate_all(&text, &wanted), expected);
    assert_eq!(expected.iter().filter(|place| place.is_none()).count(), 2 * paths.len(), "{expected:?}");
}

#[test]
fn what_is_nothing_but_values_is_refused_before_the_parser_sees_it() {
    let most = MAX_NODES / 5 * 8;
    let refused = |text: String| {
        let is_refused = scan::scan(text.as_bytes()).is_err();
        assert!(!is_refused || faults(&text)[0].contains("values in one file"), "{}", &text[..40]);
        is_refused
    };
    for (item, values) in [("- a\n", 1), ("-\n", 1), ("- a: b\n", 2), ("a: b\n", 2), ("? a\n: b\n", 2)] {
        assert!(!refused(item.repeat(most / values)), "{item}");
        assert!(refused(item.repeat(most / values + 2)), "{item}");
    }
    for (item, values) in [("a,", 1), (":,", 2), ("[],", 1), ("{},", 1), ("a: ,", 2), ("? a,", 1), ("'a',", 1)] {
        assert!(!refused(format!("[{}", item.repeat(most / values - 1))), "{item}");
        assert!(refused(format!("[{}", item.repeat(most / values + 2))), "{item}");
    }
    assert!(!refused(format!("a: |\n{}", "  - b: [c, d]\n".repeat(70_000))));
    assert!(!refused(format!("a: \"{}\"", "- b: [c, d]\n ".repeat(70_000))));
}

/// Where the values of a file with one list of one thing many times are, their number, and the readings.
fn all_places(item: &str, below: &[Segment], key: bool, most: usize) -> (usize, usize) {
    let text = format!("items:\n{}", format!("  - {item}\n").repeat(most));
    let path = |index| [&[k("items"), Segment::Index(index)], below].concat();
    let paths: Vec<Vec<Segment>> = (0..most).map(path).collect();
    let wanted: Vec<Wanted<'_>> = paths.iter().map(|path| Wanted { document: 0, path, key }).collect();
    let (places, readings) = places::locate_in(&text, &wanted);
    assert!(places.iter().all(Option::is_some), "{item}");
    let lines: std::collections::BTreeSet<usize> = places.into_iter().flatten().map(|at| at.line).collect();
    (lines.len(), readings)
}

#[test]
fn places_are_found_in_a_few_readings_however_many_there_are() {
    for most in [10, 10_000] {
        assert_eq!(all_places("a", &[], false, most), (most, 1));
        assert_eq!(all_places("{a: [b, c]}", &[], false, most), (most, 1));
        assert_eq!(all_places("{a: [b, c]}", &[k("a")], true, most), (most, 1));
        assert_eq!(all_places("{a: [b, c]}", &[k("a")], false, most), (most, 1));
        assert_eq!(all_places("{a: [b, c]}", &[k("a"), Segment::Index(1)], false, most), (most, 1));
        assert_eq!(all_places("{a: [b, c]}", &[k("a"), Segment::Index(2)], false, most), (most, 2));
        assert_eq!(all_places("{a: [b, c]}", &[k("b")], true, most), (most, 2));
    }
    // An empty map ends a reading: all of a small file are found, and of a large one as many as may be.
    assert_eq!(all_places("{}", &[], false, 100), (100, 100));
    let (found, readings) = all_places("{}", &[], false, 50_000);
    assert_eq!((found, readings), (LOCATE_BYTES / 350_007 + 2, LOCATE_BYTES / 350_007 + 2));
}

#[test]
fn in_a_template_tags_are_functions() {
    let text = "a: !Ref B\nb: !If [C, !Sub 'x', !GetAtt D.E]\nc: !Join\n  - ''\n  - [1, !Condition F]\n";
    let parsed = parse_template(text.as_bytes());
    assert_eq!(parsed.faults, []);
    let expected = serde_json::json!({
        "a": {"Ref": "B"},
        "b": {"Fn::If": ["C", {"Fn::Sub": "x"}, {"Fn::GetAtt": "D.E"}]},
        "c": {"Fn::Join": ["", [1, {"Condition": "F"}]]},
    });
    assert_eq!(parsed.documents[0].value, expected);
    assert_eq!(parse(text.as_bytes()).faults.len(), 6);
}

#[test]
fn a_path_leads_through_the_functions_of_a_template() {
    let text = "a: !If\n  - C\n  - !Sub\n    - x\n    - b: 1\n  - Fn::Sub: y\n";
    let place = |path: &[Segment]| {
        let found = locate_all(text.as_bytes(), &[Wanted { document: 0, path, key: false }]);
        found[0].map(|at| at.to_string())
    };
    let key = |key: &str| Segment::Key(key.to_owned());
    let inner = [key("a"), key("Fn::If"), Segment::Index(1), key("Fn::Sub"), Segment::Index(1), key("b")];
    assert_eq!(place(&inner).as_deref(), Some("5:10"));
    let long = [key("a"), key("Fn::If"), Segment::Index(2), key("Fn::Sub")];
    assert_eq!(place(&long).as_deref(), Some("6:14"));
}

/// Found by a hostile file: the parser goes on in the middle of the list.
#[test]
fn a_document_behind_an_alias_to_nothing_is_not_read() {
    for broken in ["[*nothing]", "- *nothing\n- b", "{a: *nothing}", "a: *nothing\nb: c", "? *nothing\n: b"] {
        let text = format!("a: b\n---\n{broken}\n---\nc: d\n");
        let parsed = parse(text.as_bytes());
        assert_eq!((parsed.documents.len(), parsed.faults.len()), (1, 1), "{text}");
        assert_eq!(starts(text.as_bytes(), 1), [Position { line: 1, column: 1 }]);
    }
}
