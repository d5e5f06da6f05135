//! Files that somebody who means harm, or nothing at all, could commit. The large ones are made here
//! rather than kept.

/// What a file has to come to.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Ends {
    /// In a problem whose text holds this.
    In(&'static str),
    /// In resources, this many, and in no problem.
    As(usize),
    /// In either.
    Somehow,
    /// In neither: the file holds no document but empty ones, which is no mistake.
    InNothing,
}

/// One directory with one file, or several.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) files: Vec<(String, Vec<u8>)>,
    pub(crate) ends: Ends,
}

fn case(name: impl Into<String>, content: impl Into<Vec<u8>>, ends: Ends) -> Case {
    Case { name: name.into(), files: vec![("all.yaml".to_owned(), content.into())], ends }
}

fn document(kind: &str, name: &str, spec: &str) -> String {
    format!("apiVersion: evenkeel/v1alpha1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec:\n{spec}")
}

fn cluster(name: &str) -> String {
    document("Cluster", name, "  capacityProviders: [FARGATE]\n")
}

/// A cluster with one more line of its spec.
fn with(line: &str) -> String {
    document("Cluster", "main", &format!("  {line}\n"))
}

const TRUST: &str = "  assumeRolePolicyDocument:\n    Statement: {Effect: Allow, Principal: {Service: ecs-tasks.amazonaws.com}, Action: sts:AssumeRole}\n";

fn role(name: &str, more: &str) -> String {
    document("Role", name, &format!("{TRUST}{more}"))
}

fn family(more: &str) -> String {
    document("TaskDefinition", "web", &format!("  containerDefinitions:\n    - name: web\n      image: web\n{more}"))
}

/// Every file. Those with very much of one thing have a tenth of it, unless they are to be `full`.
pub(crate) fn cases(full: bool) -> Vec<Case> {
    [
        bombs(),
        depths(),
        sizes(if full { 1024 * 1024 - 1000 } else { 100_000 }),
        many(if full { 1 } else { 10 }),
        streams(),
        encodings(),
        twice(),
        features(),
        scalars(),
        numbers(),
        json(),
        texts(),
        documents(),
        references(if full { 20 } else { 2 }),
        empty(),
    ]
    .concat()
}

/// Small files that are large once they are read.
fn bombs() -> Vec<Case> {
    let laughs = |levels: usize, open: &str, close: &str| {
        let mut text = format!("a0: &a0 {open}x{close}\n");
        for level in 1..=levels {
            let aliases = vec![format!("*a{}", level - 1); 9].join(", ");
            text.push_str(&format!("a{level}: &a{level} [{aliases}]\n"));
        }
        text
    };
    let mut cases: Vec<Case> = (4..=12)
        .map(|levels| case(format!("a billion laughs, {levels} levels"), laughs(levels, "[", "]"), Ends::Somehow))
        .collect();
    let aliases = |of: &str, times: usize| format!("a: &a {of}\nb: [{}]\n", vec!["*a"; times].join(", "));
    let big = format!("\"{}\"", "x".repeat(64 * 1024));
    let wide = format!("[{}]", vec!["1"; 1000].join(","));
    let map = format!("{{{}}}", (0..500).map(|n| format!("k{n}: v")).collect::<Vec<_>>().join(", "));
    cases.extend([
        case("an alias bomb of maps", laughs(9, "{a: ", "}"), Ends::In("")),
        case("a long text aliased 20,000 times", aliases(&big, 20_000), Ends::In("bytes of text")),
        case("a long list aliased 20,000 times", aliases(&wide, 20_000), Ends::In("values in one file")),
        case("a map aliased 20,000 times", aliases(&map, 20_000), Ends::In("values in one file")),
        case("an alias to what it stands in", "a: &a [*a]\n", Ends::In("")),
        case("an alias to the document", "&a {b: *a}\n", Ends::In("")),
        case("two aliases to each other", "a: &a [*b]\nb: &b [*a]\n", Ends::In("")),
        case("an alias bomb as a key", "a: &a [1]\n? *a\n: 1\n", Ends::In("keys are text")),
        case("an alias bomb below a manifest", with(&format!("x: &x {wide}\n  y: [{}]", vec!["*x"; 5000].join(", "))), Ends::In("values in one file")),
        case("anchors without end", (0..20_000).map(|n| format!("- &a{n} x\n")).collect::<String>(), Ends::In("expected a manifest")),
        case("one anchor again and again", "- &a x\n- *a\n".repeat(20_000), Ends::In("expected a manifest")),
        case("variables without end", with(&format!("tags: {{t: \"{}\"}}", "${AWS::AccountId}".repeat(40_000))), Ends::Somehow),
        case("variables inside of variables", with(&format!("tags: {{t: \"{}\"}}", "${".repeat(100_000))), Ends::Somehow),
        case("a pattern of nothing but stars", format!("apiVersion: evenkeel/v1alpha1\nkind: Cluster\nmetadata:\n  name: main\n  annotations: {{evenkeel/ignore-fields: \"{}\"}}\nspec: {{}}\n", "*.".repeat(20_000)), Ends::In("")),
        case("patterns without end", format!("apiVersion: evenkeel/v1alpha1\nkind: Cluster\nmetadata:\n  name: main\n  annotations: {{evenkeel/ignore-fields: \"{}\"}}\nspec: {{}}\n", "tags,".repeat(20_000)), Ends::Somehow),
    ]);
    cases
}

/// Nesting: each is a few bytes per level.
fn depths() -> Vec<Case> {
    let deep = "nested more than 64 levels";
    let mut cases = Vec::new();
    for depth in [65, 128, 1000, 100_000, 500_000] {
        cases.push(case(format!("{depth} brackets"), "[".repeat(depth), Ends::In(deep)));
        cases.push(case(format!("{depth} pairs of brackets"), "[".repeat(depth) + &"]".repeat(depth), Ends::In(deep)));
    }
    for depth in [65, 1000, 100_000] {
        cases.push(case(format!("{depth} braces"), "{a: ".repeat(depth), Ends::In(deep)));
        cases.push(case(format!("{depth} braces without keys"), "{".repeat(depth), Ends::In(deep)));
        cases.push(case(format!("{depth} dashes"), "- ".repeat(depth), Ends::In(deep)));
        cases.push(case(format!("{depth} question marks"), "? ".repeat(depth), Ends::In(deep)));
        cases.push(case(
            format!("{depth} brackets in a field that nobody knows"),
            with(&format!("x: {}", "[".repeat(depth))),
            Ends::In(deep),
        ));
        cases.push(case(
            format!("{depth} brackets in JSON"),
            format!("{{\"a\":{}1{}}}", "[".repeat(depth), "]".repeat(depth)),
            Ends::In(deep),
        ));
    }
    let steps = |depth: usize| (0..depth).map(|n| format!("{}a:\n", " ".repeat(n))).collect::<String>();
    cases.push(case("64 steps of indentation", steps(64), Ends::In("")));
    cases.push(case("65 steps of indentation", steps(65) + &" ".repeat(70) + "x", Ends::In("")));
    cases.push(case("1,200 steps of indentation", steps(1200), Ends::In(deep)));
    cases.push(case(
        "brackets in a quoted text are no nesting",
        with(&format!("tags: {{t: \"{}\"}}", "[".repeat(200))),
        Ends::Somehow,
    ));
    cases.push(case(
        "brackets in a comment are no nesting",
        format!("# {}\n{}", "[{".repeat(1000), cluster("main")),
        Ends::As(1),
    ));
    let text = "[".repeat(100_000);
    cases.push(case(
        "brackets in a policy as text",
        document("Policy", "p", &format!("  policyDocument: '{text}'\n")),
        Ends::In("not valid JSON"),
    ));
    let nested = format!("{{\"Statement\":{}{}}}", "[".repeat(120), "]".repeat(120));
    cases.push(case(
        "120 brackets in a policy as text",
        document("Policy", "p", &format!("  policyDocument: '{nested}'\n")),
        Ends::In(""),
    ));
    cases
}

/// One thing that is very large.
fn sizes(near: usize) -> Vec<Case> {
    let most = |text: &str| {
        let mut text = text.to_owned();
        text.push_str(&format!("#{}", "x".repeat(1024 * 1024 - text.len() - 1)));
        text
    };
    vec![
        case("as large as a file may be", most(&cluster("main")), Ends::As(1)),
        case("a byte larger than that", most(&cluster("main")) + "x", Ends::In("at most 1048576 are read")),
        case("ten times as large", "x".repeat(10 * 1024 * 1024), Ends::In("at most 1048576 are read")),
        case("a plain text", "x".repeat(near), Ends::In("expected a manifest")),
        case("a quoted text", format!("\"{}\"", "x".repeat(near)), Ends::In("expected a manifest")),
        case("a quote that is not closed", format!("a: \"{}", "x".repeat(near)), Ends::In("quote")),
        case("a single quote that is not closed", format!("a: '{}", "x ".repeat(near / 2)), Ends::In("quote")),
        case("a block of text", format!("a: |\n{}", "  x\n".repeat(near / 4)), Ends::In("not a manifest")),
        case("a folded block of text", format!("a: >\n{}", "  x\n".repeat(near / 4)), Ends::In("not a manifest")),
        case("a block that is indented far", format!("a: |\n{}x", " ".repeat(near)), Ends::In("")),
        case("nothing but colons", ":".repeat(near), Ends::In("")),
        case("nothing but commas", ",".repeat(near), Ends::In("")),
        case("nothing but quotes", "'".repeat(near), Ends::In("")),
        case("nothing but exclamation marks", "!".repeat(near), Ends::In("")),
        case("nothing but ampersands", "& ".repeat(near / 2), Ends::In("")),
        case("nothing but stars", "* ".repeat(near / 2), Ends::In("")),
        case("nothing but percent signs", "%".repeat(near), Ends::In("")),
        case("nothing but backslashes", "\\".repeat(near), Ends::In("")),
        case("nothing but escapes", format!("\"{}\"", "\\x41".repeat(near / 4)), Ends::In("expected a manifest")),
        case("a key", format!("{}: x\n", "k".repeat(near)), Ends::In("")),
        case("a quoted key", format!("\"{}\": x\n", "k".repeat(near)), Ends::In("")),
        case("a key of 1,025 bytes", format!("? \"{}\"\n: x\n", "k".repeat(1025)), Ends::In("longer than 1024 bytes")),
        case("a tag", format!("!{} x\n", "t".repeat(near)), Ends::In("tags")),
        case("a tag as a URI", format!("!<{}> x\n", "t".repeat(near)), Ends::In("tags")),
        case("an anchor", format!("&{} x\n", "a".repeat(near)), Ends::In("expected a manifest")),
        case("an alias with a long name", format!("*{}\n", "a".repeat(near)), Ends::In("anchor")),
        case("a number", format!("a: {}\n", "9".repeat(near)), Ends::In("")),
        case("a number with digits behind the point", format!("a: 0.{}\n", "9".repeat(near)), Ends::In("")),
        case("a number with a long exponent", format!("a: 1e{}\n", "9".repeat(near)), Ends::In("")),
        case("a directive", format!("%YAML {}\n--- x\n", "1".repeat(near)), Ends::In("")),
        case("a name", cluster(&"n".repeat(500_000)), Ends::In("expected a name")),
        case("a name of 254 characters", cluster(&"n".repeat(254)), Ends::In("expected a name")),
        case("a name of a cluster of 253 characters", cluster(&"n".repeat(253)), Ends::As(1)),
        case("a name of a cluster of 256 characters", with(&format!("clusterName: {}", "n".repeat(256))), Ends::In("")),
        case("a kind", document(&"K".repeat(500_000), "main", "  {}\n"), Ends::In("there is no kind")),
        case(
            "a version",
            format!("apiVersion: {}\nkind: Cluster\n", "v".repeat(500_000)),
            Ends::In("expected evenkeel/v1alpha1"),
        ),
        case(
            "a reference",
            with(&format!("capacityProviders: [{{ref: {}}}]", "r".repeat(500_000))),
            Ends::In("refers to"),
        ),
        case("a variable", with(&format!("tags: {{t: \"${{AWS::{}}}\"}}", "v".repeat(500_000))), Ends::In("")),
        case("a value of a tag", with(&format!("tags: {{t: {}}}", "v".repeat(500_000))), Ends::Somehow),
        case("a preset", document("Role", "r", &format!("  preset: {}\n", "p".repeat(500_000))), Ends::In("")),
        case(
            "an annotation",
            format!(
                "apiVersion: evenkeel/v1alpha1\nkind: Cluster\nmetadata:\n  name: main\n  annotations: {{evenkeel/adoption: {}}}\nspec: {{}}\n",
                "a".repeat(500_000)
            ),
            Ends::In("there is no value"),
        ),
        case(
            "an enumerated value",
            with(&format!("settings: [{{name: {}, value: enabled}}]", "s".repeat(500_000))),
            Ends::In(""),
        ),
        case(
            "a policy as text",
            document(
                "Policy",
                "p",
                &format!(
                    "  policyDocument: '{{\"Version\":\"2012-10-17\",\"Statement\":[{{\"Effect\":\"Allow\",\"Resource\":\"*\",\"Action\":\"{}\"}}]}}'\n",
                    "a".repeat(900_000)
                ),
            ),
            Ends::Somehow,
        ),
        case(
            "a policy as encoded text",
            document("Policy", "p", &format!("  policyDocument: '{}'\n", "%7B".repeat(300_000))),
            Ends::In("not valid JSON"),
        ),
    ]
}

/// Very many of one thing.
fn many(part: usize) -> Vec<Case> {
    let lines = |count: usize, line: &dyn Fn(usize) -> String| (0..count / part).map(line).collect::<String>();
    vec![
        case("100,000 values in a list", format!("[{}]", "1,".repeat(100_000)), Ends::In("expected a manifest")),
        case("200,001 values in a list", format!("[{}]", "1,".repeat(200_001)), Ends::In("values in one file")),
        // As many values as a file may have, keys counted.
        case("58,000 tags", with("tags:") + &lines(58_000, &|n| format!("   t{n}: v\n")), Ends::Somehow),
        case("119,000 empty lists", format!("[{}]", "[],".repeat(119_000 / part)), Ends::In("expected a manifest")),
        case(
            "23,000 variables of an environment",
            family(&format!(
                "      memory: 128\n      environment:\n{}",
                lines(23_000, &|n| format!("       - {{name: V{n}, value: v}}\n"))
            )),
            Ends::As(1),
        ),
        case("60,000 keys", lines(60_000, &|n| format!("k{n}: 1\n")), Ends::In("not a manifest")),
        case(
            "40,000 unknown fields",
            with("x: 1") + &lines(40_000, &|n| format!("  f{n}: 1\n")),
            Ends::In("unknown field"),
        ),
        case(
            "20,000 unknown fields beside the spec",
            cluster("main") + &lines(20_000, &|n| format!("f{n}: 1\n")),
            Ends::In("unknown field"),
        ),
        case(
            "30,000 unknown annotations",
            format!(
                "apiVersion: evenkeel/v1alpha1\nkind: Cluster\nmetadata:\n  name: main\n  annotations:\n{}spec: {{}}\n",
                lines(30_000, &|n| format!("    evenkeel/a{n}: x\n"))
            ),
            Ends::In("unknown annotation"),
        ),
        case("30,000 tags", with("tags:") + &lines(30_000, &|n| format!("    t{n}: v\n")), Ends::Somehow),
        case(
            "30,000 tags that are numbers",
            with("tags:") + &lines(30_000, &|n| format!("    t{n}: 1\n")),
            Ends::In("expected a string"),
        ),
        case(
            "20,000 settings of a wrong kind",
            with("settings:") + &lines(20_000, &|_| "    - 1\n".to_owned()),
            Ends::In("expected"),
        ),
        case(
            "5,000 containers",
            document(
                "TaskDefinition",
                "web",
                &format!(
                    "  containerDefinitions:\n{}",
                    lines(5000, &|n| format!("    - {{name: c{n}, image: web, memory: 128}}\n"))
                ),
            ),
            Ends::Somehow,
        ),
        case(
            "5,000 containers without an image",
            document(
                "TaskDefinition",
                "web",
                &format!("  containerDefinitions:\n{}", lines(5000, &|n| format!("    - {{name: c{n}, imge: web}}\n"))),
            ),
            Ends::In("imge"),
        ),
        case(
            "20,000 variables of an environment",
            family(&format!(
                "      memory: 128\n      environment:\n{}",
                lines(20_000, &|n| format!("        - {{name: V{n}, value: v}}\n"))
            )),
            Ends::As(1),
        ),
        case(
            "20,000 wrong variables of an environment",
            family(&format!(
                "      memory: 128\n      environment:\n{}",
                lines(20_000, &|n| format!("        - {{nam: V{n}}}\n"))
            )),
            Ends::In("unknown field"),
        ),
        case(
            "5,000 statements",
            document(
                "Policy",
                "p",
                &format!(
                    "  policyDocument:\n    Version: '2012-10-17'\n    Statement:\n{}",
                    lines(5000, &|n| format!("      - {{Sid: S{n}, Effect: Allow, Action: 's3:*', Resource: '*'}}\n"))
                ),
            ),
            Ends::Somehow,
        ),
        case(
            "5,000 wrong statements",
            document(
                "Policy",
                "p",
                &format!(
                    "  policyDocument:\n    Version: '2012-10-17'\n    Statement:\n{}",
                    lines(5000, &|n| format!("      - {{Sid: S{n}, Efect: Allow}}\n"))
                ),
            ),
            Ends::In("Efect"),
        ),
        case(
            "20,000 actions",
            document(
                "Policy",
                "p",
                &format!(
                    "  policyDocument:\n    Version: '2012-10-17'\n    Statement:\n      Effect: Allow\n      Resource: '*'\n      Action:\n{}",
                    lines(20_000, &|n| format!("        - s3:Get{n}\n"))
                ),
            ),
            Ends::Somehow,
        ),
        case(
            "5,000 inline policies",
            role(
                "r",
                &format!(
                    "  inlinePolicies:\n{}",
                    lines(5000, &|n| format!(
                        "    p{n}: {{Version: '2012-10-17', Statement: {{Effect: Allow, Action: 's3:*', Resource: '*'}}}}\n"
                    ))
                ),
            ),
            Ends::Somehow,
        ),
        case(
            "30,000 references to nothing",
            with("capacityProviders:") + &lines(30_000, &|n| format!("    - {{ref: p{n}}}\n")),
            Ends::In("there is no such manifest"),
        ),
        case(
            "30,000 unknown variables",
            with("tags:") + &lines(30_000, &|n| format!("    t{n}: ${{AWS::V{n}}}\n")),
            Ends::In(""),
        ),
        case("the same key 60,000 times", "a: 1\n".repeat(60_000), Ends::In("given twice")),
        case("a hundred kinds of tags", lines(30_000, &|n| format!("- !t{n} x\n")), Ends::In("tags")),
        case("40,000 tags that the parser drops", "- !!str x\n".repeat(40_000), Ends::In("tags")),
        case("40,000 merges", "- {<<: x}\n".repeat(40_000), Ends::In("merge keys")),
        case("300,000 ends of lists", "]".repeat(300_000), Ends::In("")),
        case("a name 1,000 times", vec![cluster("main"); 1000].join("---\n"), Ends::In("declared")),
        case(
            "1,000 kinds that there are not",
            (0..1000).map(|n| document(&format!("K{n}"), "a", "  {}\n")).collect::<Vec<_>>().join("---\n"),
            Ends::In("there is no kind"),
        ),
        case(
            "1,000 clusters",
            (0..1000).map(|n| cluster(&format!("c{n}"))).collect::<Vec<_>>().join("---\n"),
            Ends::As(1000),
        ),
        case(
            "1,001 clusters",
            (0..1001).map(|n| cluster(&format!("c{n}"))).collect::<Vec<_>>().join("---\n"),
            Ends::In("more than 1000 documents"),
        ),
    ]
}

/// Streams of documents, and what follows a broken one: to the parser, the same error for ever.
fn streams() -> Vec<Case> {
    let mut cases = vec![
        case("100,000 empty documents", "---\n".repeat(100_000), Ends::In("more than 1000 documents")),
        case("100,000 ends of documents", "...\n".repeat(100_000), Ends::In("")),
        case("100,000 documents of a letter", "--- a\n".repeat(100_000), Ends::In("")),
        case("100,000 documents of nothing", "--- ~\n".repeat(100_000), Ends::In("more than 1000 documents")),
        case("100,000 empty maps", "--- {}\n".repeat(100_000), Ends::In("")),
        case("a document behind the end of one", format!("{}...\n{}", cluster("a"), cluster("b")), Ends::Somehow),
        case("no line end at the end", cluster("a").trim_end().to_owned(), Ends::As(1)),
        case("a trailing marker", cluster("a") + "---\n", Ends::As(1)),
        case("a leading and a trailing marker", format!("---\n{}...\n", cluster("a")), Ends::As(1)),
        case(
            "a document on its marker's line",
            "--- {apiVersion: evenkeel/v1alpha1, kind: Cluster, metadata: {name: a}, spec: {}}\n",
            Ends::As(1),
        ),
    ];
    let breaks = [
        ("a bracket", "[\n"),
        ("a bracket that closes", "]\n"),
        ("a brace", "{a\n"),
        ("a quote", "a: \"\n"),
        ("a tab", "a:\n\t- b\n"),
        ("an alias to nothing", "*nothing\n"),
        ("a reserved character", "@a\n"),
        ("a grave accent", "`a`\n"),
        ("a percent sign", "a: %b\n"),
        ("two colons", "a: b: c\n"),
        ("a strange indentation", "a:\n   b: 1\n  c: 1\n"),
        ("a wrong escape", "\"\\q\"\n"),
        ("half an escape", "\"\\x4\"\n"),
        ("a directive", "%YAML 9.9\n--- a\n"),
        ("a directive twice", "%YAML 1.2\n%YAML 1.2\n--- a\n"),
        ("an anchor twice", "&a &b c\n"),
        ("a tag twice", "!a !b c\n"),
        ("a map as a key", "? {a: b}\n: c\n"),
        ("a conflict", "<<<<<<< HEAD\na: b\n=======\na: c\n>>>>>>> other\n"),
        ("a template", "{{ range . }}\na: b\n{{ end }}\n"),
        ("another template", "{% for a in b %}\na: b\n{% endfor %}\n"),
        ("a key without a value in brackets", "{a: , : b, ? }\n"),
        ("a block without an indentation", "a: |9\n x\n"),
    ];
    for (name, text) in breaks {
        cases.push(case(format!("{name}, alone"), text, Ends::In("")));
        let rest = "---\na: b\n".repeat(2000);
        cases.push(case(
            format!("{name}, and 2,000 documents"),
            format!("{}---\n{text}{rest}", cluster("before")),
            Ends::In(""),
        ));
        cases.push(case(
            format!("{name}, in a spec"),
            format!("{}  x: {}", cluster("main"), text.replace('\n', "\n    ")),
            Ends::In(""),
        ));
    }
    cases
}

/// Bytes that are no text, or not the text that they seem.
fn encodings() -> Vec<Case> {
    let good = cluster("main");
    let utf16 = |little: bool, bom: bool| {
        let units = bom.then_some(0xfeff).into_iter().chain(good.encode_utf16());
        units.flat_map(|unit: u16| if little { unit.to_le_bytes() } else { unit.to_be_bytes() }).collect::<Vec<u8>>()
    };
    let utf32: Vec<u8> = "\u{feff}".chars().chain(good.chars()).flat_map(|c| u32::from(c).to_le_bytes()).collect();
    let bytes = |middle: &[u8]| [good.as_bytes(), b"# ", middle, b"\n"].concat();
    let mut cases = vec![
        case("UTF-16, little", utf16(true, true), Ends::In("not UTF-8")),
        case("UTF-16, big", utf16(false, true), Ends::In("not UTF-8")),
        case("UTF-16 without a mark, little", utf16(true, false), Ends::In("U+0000")),
        case("UTF-16 without a mark, big", utf16(false, false), Ends::In("U+0000")),
        case("UTF-32", utf32, Ends::In("not UTF-8")),
        case("Latin-1", bytes(b"B\xfcro"), Ends::In("not UTF-8")),
        case("a character that is too long", bytes(b"\xc0\xaf"), Ends::In("not UTF-8")),
        case("half of a pair", bytes(b"\xed\xa0\x80"), Ends::In("not UTF-8")),
        case("beyond the last character", bytes(b"\xf4\x90\x80\x80"), Ends::In("not UTF-8")),
        case("a character that is cut off", [good.as_bytes(), b"# \xe6\x9d"].concat(), Ends::In("not UTF-8")),
        case("the rest of a character", bytes(b"\x80\x80"), Ends::In("not UTF-8")),
        case("nothing but bytes of 255", vec![0xff; 1000], Ends::In("not UTF-8")),
        case("nothing but zeros", vec![0; 100_000], Ends::In("U+0000")),
        case("an executable", [b"\x7fELF\x02\x01\x01".as_slice(), &[0; 50]].concat(), Ends::In("U+007F")),
        case("a picture", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec(), Ends::In("not UTF-8")),
        case("a zip", b"PK\x03\x04\x14\0\0\0\x08\0".to_vec(), Ends::In("U+0003")),
        case("a mark at the beginning", format!("\u{feff}{good}"), Ends::As(1)),
        case("two marks at the beginning", format!("\u{feff}\u{feff}{good}"), Ends::In("U+FEFF")),
        case("a mark in the middle", good.replace("main", "ma\u{feff}in"), Ends::In("U+FEFF")),
        case("a mark before the second document", format!("{good}---\n\u{feff}{}", cluster("b")), Ends::In("U+FEFF")),
        case("line ends of Windows", good.replace('\n', "\r\n"), Ends::As(1)),
        case("line ends of an old Mac", good.replace('\n', "\r"), Ends::Somehow),
        case("line ends of all kinds", good.replacen('\n', "\r\n", 2), Ends::As(1)),
        case("a mark and line ends of Windows", format!("\u{feff}{}", good.replace('\n', "\r\n")), Ends::As(1)),
        case("spaces that are none", good.replace(": ", ":\u{a0}"), Ends::In("")),
        case("wide characters of a key", good.replace("kind", "ｋｉｎｄ"), Ends::In("missing field `kind`")),
        case("look-alikes in a key", good.replace("spec", "ѕрес"), Ends::In("missing field `spec`")),
        case("a look-alike in a kind", good.replace("Cluster", "Сluster"), Ends::In("there is no kind")),
        case("a look-alike in a version", good.replace("v1alpha1", "v1аlpha1"), Ends::In("expected evenkeel/v1alpha1")),
        case("a look-alike in a name", good.replace("main", "mаin"), Ends::In("")),
        case("a soft hyphen in a name", good.replace("main", "ma\u{ad}in"), Ends::In("expected a name")),
    ];
    for c in [
        '\0', '\x01', '\x07', '\x08', '\x0b', '\x0c', '\x1b', '\x7f', '\u{80}', '\u{85}', '\u{9b}', '\u{2028}',
        '\u{2029}', '\u{fffe}', '\u{ffff}',
    ] {
        cases.push(case(
            format!("U+{:04X}", u32::from(c)),
            good.replace("main", &format!("ma{c}in")),
            Ends::In(if c == '\0' { "U+0000" } else { "U+" }),
        ));
        let escaped = good.replace("main", &format!("\"ma\\u{:04x}in\"", u32::from(c)));
        cases.push(case(format!("U+{:04X}, escaped", u32::from(c)), escaped, Ends::In("")));
    }
    cases
}

/// What two readers could understand differently.
fn twice() -> Vec<Case> {
    let twice = "given twice";
    let statement = "Effect: Allow, Action: 's3:*', Resource: '*'";
    let policy = |document: &str| document_of(document);
    fn document_of(text: &str) -> String {
        document("Policy", "p", &format!("  policyDocument: {text}\n"))
    }
    vec![
        case("a kind twice", cluster("a").replace("kind: Cluster\n", "kind: Cluster\nkind: Role\n"), Ends::In(twice)),
        case("a version twice", format!("apiVersion: v1\n{}", cluster("a")), Ends::In(twice)),
        case("a name twice", cluster("a, name: b"), Ends::In(twice)),
        case("metadata twice", cluster("a") + "metadata: {name: b}\n", Ends::In(twice)),
        case("a spec twice", cluster("a") + "spec: {}\n", Ends::In(twice)),
        case("a field twice", with("clusterName: a\n  clusterName: b"), Ends::In(twice)),
        case("a field twice with the same value", with("clusterName: a\n  clusterName: a"), Ends::In(twice)),
        case("a tag twice", with("tags: {a: x, a: y}"), Ends::In(twice)),
        case("a tag twice in a list", with("tags: [{key: a, value: x}, {key: a, value: y}]"), Ends::In("")),
        case("a label twice", cluster("a, labels: {a: x, a: y}"), Ends::In(twice)),
        case("an annotation twice", cluster("a, annotations: {a: x, a: y}"), Ends::In(twice)),
        case("a quoted key and a bare one", with("tags: {a: x, \"a\": y}"), Ends::In(twice)),
        case("an escaped key and a bare one", with("tags: {a: x, \"\\x61\": y}"), Ends::In(twice)),
        case("a key from an alias", with("tags: {&k a: x, *k : y}"), Ends::In(twice)),
        case("a key in a block and in quotes", with("tags:\n    ? |-\n      a\n    : x\n    'a': y"), Ends::In(twice)),
        case("an inline policy twice", role("r", &format!("  inlinePolicies:\n    p: {{Statement: {{{statement}}}}}\n    p: {{Statement: {{{statement}}}}}\n")), Ends::In(twice)),
        case("an effect twice", policy("{Statement: {Effect: Deny, Effect: Allow, Action: 's3:*', Resource: '*'}}"), Ends::In(twice)),
        case("an effect twice, the second in another case", policy("{Statement: {Effect: Deny, effect: Allow, Action: 's3:*', Resource: '*'}}"), Ends::In("")),
        case("an effect twice in a text", policy("'{\"Statement\":{\"Effect\":\"Deny\",\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\"}}'"), Ends::In(twice)),
        case("an escaped effect in a text", policy("'{\"Statement\":{\"Effect\":\"Deny\",\"\\u0045ffect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\"}}'"), Ends::In(twice)),
        case("statements twice", policy(&format!("{{Statement: {{{statement}}}, Statement: {{{statement}}}}}")), Ends::In(twice)),
        case("an operator twice", policy(&format!("{{Statement: {{{statement}, Condition: {{Bool: {{a: 'true'}}, Bool: {{a: 'false'}}}}}}}}")), Ends::In(twice)),
        case("a condition's key twice", policy(&format!("{{Statement: {{{statement}, Condition: {{Bool: {{'aws:a': 'true', 'aws:a': 'false'}}}}}}}}")), Ends::In(twice)),
        case("a Sid twice", policy(&format!("{{Version: '2012-10-17', Statement: [{{Sid: A, {statement}}}, {{Sid: A, {statement}}}]}}")), Ends::In("")),
        case("a member of a container twice", family("      image: other\n      memory: 128\n"), Ends::In(twice)),
        case("a container twice", document("TaskDefinition", "web", "  containerDefinitions:\n    - {name: a, image: a, memory: 128}\n    - {name: a, image: b, memory: 128}\n"), Ends::Somehow),
        case("a member of an inline task definition twice", document("Service", "web", "  taskDefinition: {family: a, family: b, containerDefinitions: []}\n"), Ends::In(twice)),
        case("an option of a log twice", family("      memory: 128\n      logConfiguration: {logDriver: awslogs, options: {a: x, a: y}}\n"), Ends::In(twice)),
        case("a manifest twice", [cluster("a"), cluster("a")].join("---\n"), Ends::In("declared")),
        case("one cluster under two names", [with("clusterName: a"), document("Cluster", "other", "  clusterName: a\n")].join("---\n"), Ends::In("")),
        case("one role in two cases", [role("Web", ""), role("web", "")].join("---\n"), Ends::In("")),
        Case { name: "a manifest in two files".to_owned(), files: vec![("a.yaml".to_owned(), cluster("a").into()), ("b.yaml".to_owned(), cluster("a").into())], ends: Ends::In("declared") },
        Case { name: "a manifest in YAML and JSON".to_owned(), files: vec![("a.yaml".to_owned(), cluster("a").into()), ("a.json".to_owned(), b"{\"apiVersion\":\"evenkeel/v1alpha1\",\"kind\":\"Cluster\",\"metadata\":{\"name\":\"a\"},\"spec\":{}}".to_vec())], ends: Ends::In("declared") },
    ]
}

/// Features of YAML that no manifest needs.
fn features() -> Vec<Case> {
    let merge = "merge keys";
    let tags = "tags such as";
    let mut cases = vec![
        case("a merge at the root", format!("<<: {{kind: Role}}\n{}", cluster("a")), Ends::In(merge)),
        case("a merge in a spec", with("<<: {clusterName: b}"), Ends::In(merge)),
        case("a merge in metadata", cluster("a, <<: {name: b}"), Ends::In(merge)),
        case("a merge of an alias", with("x: &x {a: 1}\n  tags: {<<: *x}"), Ends::In(merge)),
        case("a merge of a list", with("tags: {<<: [{a: b}, {c: d}]}"), Ends::In(merge)),
        case("a merge in quotes", with("tags: {\"<<\": x}"), Ends::In(merge)),
        case(
            "a merge in a policy",
            document("Policy", "p", "  policyDocument: {<<: {Statement: []}}\n"),
            Ends::In(merge),
        ),
        case("an alias", with("tags: {a: &v x, b: *v}"), Ends::As(1)),
        case(
            "an alias of another document",
            [with("tags: {a: &v x}"), document("Cluster", "b", "  tags: {b: *v}\n")].join("---\n"),
            Ends::In("anchor"),
        ),
        case("an anchor that is given again", with("tags: {a: &v x, b: &v y, c: *v}"), Ends::As(1)),
        case("an anchor on a key", with("&k tags: {a: x}"), Ends::As(1)),
        case("an alias as a name", cluster("&n a, labels: {n: *n}"), Ends::As(1)),
        case("a set", with("tags: {? a, ? b}"), Ends::In("expected a string")),
        case("pairs in a list", with("tags: [a: x, b: y]"), Ends::In("")),
        case("a list as a key", with("tags: {[a]: x}"), Ends::In("keys are text")),
        case("a number as a key", with("tags: {1: x}"), Ends::In("keys are text")),
        case("a boolean as a key", with("tags: {true: x}"), Ends::In("keys are text")),
        case("nothing as a key", with("tags: {~: x}"), Ends::In("keys are text")),
        case("an empty key", with("tags: {\"\": x}"), Ends::Somehow),
        case("`on` as a key", with("tags: {on: x}"), Ends::As(1)),
        case("a document of YAML 1.1", format!("%YAML 1.1\n---\n{}", cluster("a")), Ends::As(1)),
        case("a document of YAML 1.2", format!("%YAML 1.2\n---\n{}", cluster("a")), Ends::As(1)),
        case("a directive that nobody knows", format!("%FOO bar\n---\n{}", cluster("a")), Ends::Somehow),
        case(
            "tags of one's own",
            format!("%TAG ! tag:yaml.org,2002:\n---\n{}", with("tags: {a: !int \"3\"}")),
            Ends::In(tags),
        ),
        case(
            "another name for the tags",
            format!("%TAG !e! tag:example.com:\n---\n{}", with("tags: {a: !e!x b}")),
            Ends::In(tags),
        ),
    ];
    let marks = [
        "!!str 1",
        "!!int \"3\"",
        "!!float 1",
        "!!bool yes",
        "!!null x",
        "!!binary aGk=",
        "!!timestamp 2001-01-01",
        "!!map {}",
        "!!seq []",
        "!!set {a}",
        "!!omap [a: 1]",
        "!!pairs [a: 1]",
        "!!merge x",
        "!!value x",
        "!!yaml x",
        "!<tag:yaml.org,2002:str> x",
        "!<!x> y",
        "!!python/object/apply:os.system [\"true\"]",
        "!!python/name:os.system x",
        "!!java.util.Date []",
        "!!javax.script.ScriptEngineManager []",
        "!ruby/object:Gem::Installer x",
        "!php/object x",
        "!!js/function 'x'",
        "!Ref x",
        "!Sub \"${x}\"",
        "!GetAtt a.b",
        "!ENV x",
        "!include /etc/passwd",
        "!vault x",
        "!env_var x",
        "! x",
        "!x",
        "!x {a: b}",
        "!x [a]",
    ];
    for mark in marks {
        let ends = match mark {
            "! x" => Ends::Somehow,
            // In braces the parser takes the brace for a part of it.
            "!x" => Ends::In(""),
            _ => Ends::In(tags),
        };
        cases.push(case(format!("{mark}, as a value"), with(&format!("tags: {{a: {mark}}}")), ends));
        cases.push(case(format!("{mark}, as a document"), format!("{mark}\n"), Ends::In("")));
        cases.push(case(format!("{mark}, as a name"), cluster(mark), ends));
    }
    cases
}

/// Words that some reader of YAML takes for something else than text.
const WORDS: &[&str] = &[
    "no",
    "No",
    "NO",
    "yes",
    "on",
    "Off",
    "y",
    "n",
    "true",
    "True",
    "false",
    "~",
    "null",
    "Null",
    "\"\"",
    "0o17",
    "017",
    "0x1F",
    "0b11",
    "1e3",
    "1E3",
    "1_000",
    "1,000",
    "12:30:45",
    "190:20:30",
    "2001-01-01",
    "2001-12-14t21:59:43.10-05:00",
    "1.10",
    "1.",
    ".5",
    "+1",
    "-0",
    "-1",
    "0",
    "00",
    "012345678901",
    "123456789012",
    "2147483647",
    "2147483648",
    "-2147483649",
    "4294967296",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "-9223372036854775809",
    "1e308",
    "1e309",
    "-1e400",
    "1e-400",
    "99999999999999999999999999999999999999999999",
    ".inf",
    "-.inf",
    ".Inf",
    ".nan",
    ".NaN",
    "NaN",
    "Infinity",
    "=",
    "<",
    ">-",
    "|",
    "-",
    "?",
    ":",
    "@",
    "`x`",
    "%x",
    "!",
    "&",
    "*",
    "{}",
    "[]",
    "[x]",
    "{a: b}",
    "a#b",
    "a #b",
    "a:b",
    "'it''s'",
    "\"\\u0041\"",
    "\"\\\"\"",
];

/// The places that [`WORDS`] are put in, each a manifest with `WORD` in it.
fn scalars() -> Vec<Case> {
    let places = [
        ("name", cluster("WORD")),
        ("value of a tag", with("tags: {word: WORD}")),
        ("key of a tag", with("tags: {WORD: x}")),
        ("label", cluster("a, labels: {word: WORD}")),
        (
            "number of CPU units",
            document(
                "TaskDefinition",
                "web",
                "  cpu: WORD\n  containerDefinitions: [{name: web, image: web, memory: 128}]\n",
            ),
        ),
        ("boolean", family("      memory: 128\n      essential: WORD\n")),
        ("integer", family("      memory: WORD\n")),
        (
            "action",
            document(
                "Policy",
                "p",
                "  policyDocument: {Version: '2012-10-17', Statement: {Effect: Allow, Action: WORD, Resource: '*'}}\n",
            ),
        ),
        (
            "condition",
            document(
                "Policy",
                "p",
                "  policyDocument: {Version: '2012-10-17', Statement: {Effect: Allow, Action: 's3:*', Resource: '*', Condition: {Bool: {'aws:x': WORD}}}}\n",
            ),
        ),
    ];
    let mut cases = Vec::new();
    for (place, text) in places {
        for word in WORDS {
            cases.push(case(format!("the word {word} as a {place}"), text.replace("WORD", word), Ends::Somehow));
        }
    }
    cases
}

/// Numbers that the API has no room for, or no meaning.
fn numbers() -> Vec<Case> {
    let service = |line: &str| document("Service", "web", &format!("  taskDefinition: web:1\n  {line}\n"));
    let port = |port: &str| family(&format!("      memory: 128\n      portMappings: [{{containerPort: {port}}}]\n"));
    let mut cases = Vec::new();
    for number in [
        "2147483648",
        "-2147483649",
        "9223372036854775808",
        "18446744073709551616",
        "1e10",
        "3.5",
        "1e400",
        ".inf",
        ".nan",
        "0x80000000",
        "\"1\"",
        "one",
        "[1]",
        "true",
    ] {
        cases.push(case(format!("{number} tasks"), service(&format!("desiredCount: {number}")), Ends::In("")));
        cases.push(case(format!("port {number}"), port(number), Ends::In("")));
    }
    for number in ["-1", "-2147483648", "2147483647"] {
        cases.push(case(format!("{number} tasks"), service(&format!("desiredCount: {number}")), Ends::Somehow));
        cases.push(case(format!("port {number}"), port(number), Ends::Somehow));
    }
    cases.push(case("tasks by default", service("desiredCount: ~"), Ends::Somehow));
    cases
}

/// JSON, and what is nearly JSON.
fn json() -> Vec<Case> {
    let good = r#"{"apiVersion":"evenkeel/v1alpha1","kind":"Cluster","metadata":{"name":"a"},"spec":{}}"#;
    let file = |name: &str, content: &str, ends| Case {
        name: format!("JSON: {name}"),
        files: vec![("all.json".to_owned(), content.as_bytes().to_vec())],
        ends,
    };
    vec![
        file("a manifest", good, Ends::As(1)),
        file("a mark before it", &format!("\u{feff}{good}"), Ends::As(1)),
        file("two in one", &format!("{good}{good}"), Ends::In("")),
        file("one a line", &format!("{good}\n{}\n", good.replace("\"a\"", "\"b\"")), Ends::In("")),
        file("a list of them", &format!("[{good},{good}]"), Ends::In("expected a manifest")),
        file("a text", "\"a\"", Ends::In("expected a manifest")),
        file("a number", "1", Ends::In("expected a manifest")),
        file("an empty map", "{}", Ends::In("not a manifest")),
        file("an empty list", "[]", Ends::In("expected a manifest")),
        file("a comma too many", &good.replace("{}}", "{},}"), Ends::Somehow),
        file("a comma too few", &good.replace(",\"kind\"", "\"kind\""), Ends::In("not valid JSON")),
        file("a brace too few", &good[..good.len() - 1], Ends::In("not valid JSON")),
        file("a brace too many", &format!("{good}}}"), Ends::In("not valid JSON")),
        file("a comment", &format!("// a\n{good}"), Ends::In("")),
        file("a comment in a block", &format!("/* a */{good}"), Ends::In("")),
        file("single quotes", &good.replace('"', "'"), Ends::As(1)),
        file("no quotes at keys", &good.replace("\"kind\"", "kind"), Ends::Somehow),
        file("a key twice", &good.replace("\"kind\"", "\"kind\":\"Role\",\"kind\""), Ends::In("given twice")),
        file("NaN", &good.replace("{}", "{\"clusterName\":NaN}"), Ends::Somehow),
        file("Infinity", &good.replace("{}", "{\"clusterName\":-Infinity}"), Ends::Somehow),
        file("half a pair", &good.replace("\"a\"", "\"\\ud800\""), Ends::In("")),
        file("the other half", &good.replace("\"a\"", "\"\\udc00\""), Ends::In("")),
        file("a pair", &good.replace("{}", "{\"tags\":{\"a\":\"\\ud83d\\ude80\"}}"), Ends::Somehow),
        file("an escaped slash", &good.replace("/v1", "\\/v1"), Ends::As(1)),
        file("an escaped zero", &good.replace("\"a\"", "\"a\\u0000\""), Ends::In("")),
        file("a tab in a text", &good.replace("\"a\"", "\"a\tb\""), Ends::In("")),
        file("a line end in a text", &good.replace("\"a\"", "\"a\nb\""), Ends::Somehow),
        file("a large number", &good.replace("{}", "{\"clusterName\":1e999}"), Ends::Somehow),
        file("`__proto__`", &good.replace("{}", "{\"__proto__\":{\"clusterName\":\"b\"}}"), Ends::In("unknown field")),
        file("a tab before it", &format!("\t{good}"), Ends::Somehow),
        file("tabs inside", &good.replace(',', ",\n\t"), Ends::Somehow),
    ]
}

/// Texts that mean something to a terminal, a log, a page, a shell, a path, a metric or a template;
/// as YAML in double quotes.
pub(crate) const NASTY: &[&str] = &[
    "\\e[2J\\e[1;31mowned",
    "\\e]0;title\\a",
    "\\e]8;;https://example.com\\aclick\\e]8;;\\a",
    "\\x9b31mred",
    "\\x08\\x08\\x08gone",
    "a\\rINFO everything is fine",
    "a\\n2026-11-26T00:00:00.000000Z  INFO forged",
    "a\\r\\n\\r\\nHTTP/1.1 200 OK",
    "a\\u2028b",
    "a\\u202egnp.exe",
    "\\u2066a\\u2069",
    "a\\u200bb",
    "a\\u200d\\u2060b",
    "\\ufeffa",
    "a\\U000e0041b",
    "p\u{430}yp\u{430}l",
    "ＡＷＳ",
    "<script>alert(1)</script>",
    "\\\"><img src=x onerror=alert(1)>",
    "</td></table><h1>all is well</h1>",
    "&lt;b&gt; &amp;",
    "javascript:alert(1)",
    "[click](javascript:alert(1))",
    "| a | b |",
    "```",
    "@everyone #1",
    "web\\\"} 1\\nevenkeel_up 1",
    "web\\\",state=\\\"in_sync",
    "${jndi:ldap://127.0.0.1/a}",
    "${AWS::Nothing}",
    "${${AWS::Region}}",
    "{{ 7*7 }}",
    "$(touch owned)",
    "`touch owned`",
    "; rm -rf .",
    "%s%s%n",
    "%0a::set-output name=a::b",
    "::error file=a::b",
    "' OR 1=1 --",
    "../../../../etc/passwd",
    "/etc/passwd",
    "..",
    "C:\\\\Windows\\\\win.ini",
    "file:///etc/passwd",
    "arn:aws:iam::123456789012:role/../admin",
    "arn:aws:iam::*:role/*",
    "*",
    " a",
    "a ",
    "",
    " ",
    "-rf",
    "--help",
    "CON",
    "null",
    "evenkeel:owner",
    "aws:cloudformation:stack-name",
    "AWS:x",
];

/// Each of [`NASTY`] wherever a manifest takes text.
fn texts() -> Vec<Case> {
    let places = [
        ("name", cluster("\"TEXT\"")),
        ("name of a service", document("Service", "\"TEXT\"", "  taskDefinition: web:1\n")),
        ("name in AWS", with("clusterName: \"TEXT\"")),
        ("name in AWS of a role", role("r", "  roleName: \"TEXT\"\n")),
        ("path", role("r", "  path: \"TEXT\"\n")),
        ("description", role("r", "  description: \"TEXT\"\n")),
        ("boundary", role("r", "  permissionsBoundary: \"TEXT\"\n")),
        (
            "name of an inline policy",
            role(
                "r",
                "  inlinePolicies: {\"TEXT\": {Version: '2012-10-17', Statement: {Effect: Allow, Action: 's3:*', Resource: '*'}}}\n",
            ),
        ),
        (
            "action",
            document(
                "Policy",
                "p",
                "  policyDocument: {Version: '2012-10-17', Statement: {Effect: Allow, Action: \"TEXT\", Resource: '*'}}\n",
            ),
        ),
        (
            "principal",
            document(
                "Role",
                "r",
                "  assumeRolePolicyDocument: {Version: '2012-10-17', Statement: {Effect: Allow, Principal: {Service: \"TEXT\"}, Action: 'sts:AssumeRole'}}\n",
            ),
        ),
        ("preset", document("Role", "r", "  preset: \"TEXT\"\n")),
        ("kind", document("\"TEXT\"", "a", "  {}\n")),
        ("version", cluster("a").replace("evenkeel/v1alpha1", "\"TEXT\"")),
        ("field", with("\"TEXT\": x")),
        ("field of the root", cluster("a") + "\"TEXT\": x\n"),
        ("label", cluster("a, labels: {\"TEXT\": \"TEXT\"}")),
        ("annotation", cluster("a, annotations: {\"TEXT\": \"TEXT\"}")),
        ("annotation of ours", cluster("a, annotations: {\"evenkeel/TEXT\": x}")),
        ("adoption", cluster("a, annotations: {evenkeel/adoption: \"TEXT\"}")),
        ("field to ignore", cluster("a, annotations: {evenkeel/ignore-fields: \"TEXT\"}")),
        (
            "time of a restart",
            document("Service", "web, annotations: {evenkeel/restarted-at: \"TEXT\"}", "  taskDefinition: web:1\n"),
        ),
        ("key of a tag", with("tags: {\"TEXT\": x}")),
        ("value of a tag", with("tags: {a: \"TEXT\"}")),
        ("reference", with("capacityProviders: [{ref: \"TEXT\"}]")),
        ("reference to a kind", with("capacityProviders: [{ref: \"TEXT/a\"}]")),
        ("setting", with("settings: [{name: \"TEXT\", value: enabled}]")),
        ("account setting", document("AccountSettings", "a", "  \"TEXT\": enabled\n")),
        ("value of an account setting", document("AccountSettings", "a", "  containerInsights: \"TEXT\"\n")),
        (
            "image",
            document("TaskDefinition", "web", "  containerDefinitions: [{name: web, image: \"TEXT\", memory: 128}]\n"),
        ),
        (
            "name of a container",
            document("TaskDefinition", "web", "  containerDefinitions: [{name: \"TEXT\", image: web, memory: 128}]\n"),
        ),
        (
            "variable of an environment",
            family("      memory: 128\n      environment: [{name: \"TEXT\", value: \"TEXT\"}]\n"),
        ),
        ("task definition", document("Service", "web", "  taskDefinition: \"TEXT\"\n")),
    ];
    let mut cases = Vec::new();
    for (place, manifest) in places {
        for text in NASTY {
            cases.push(case(format!("\"{text}\" as a {place}"), manifest.replace("TEXT", text), Ends::Somehow));
        }
    }
    cases
}

/// Whole documents that are something else.
fn documents() -> Vec<Case> {
    let none = "not a manifest";
    vec![
        case("a text", "hello\n", Ends::In("expected a manifest")),
        case(
            "a list of manifests",
            "- apiVersion: evenkeel/v1alpha1\n  kind: Cluster\n",
            Ends::In("expected a manifest"),
        ),
        case("a kustomization", "resources: [a.yaml]\n", Ends::In(none)),
        case("a workflow", "on: push\njobs: {a: {steps: []}}\n", Ends::In(none)),
        case("a composition", "services: {web: {image: web}}\n", Ends::In(none)),
        case("values of a chart", "image: {tag: 1.0}\n", Ends::In(none)),
        case(
            "a deployment",
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {}\n",
            Ends::In("expected evenkeel/v1alpha1"),
        ),
        case("a list of Kubernetes", "apiVersion: v1\nkind: List\nitems: []\n", Ends::In("expected evenkeel/v1alpha1")),
        case("a template of CloudFormation", "AWSTemplateFormatVersion: 2010-09-09\nResources: {}\n", Ends::In(none)),
        case("a task definition", "family: web\ncontainerDefinitions: []\n", Ends::In("kind: TaskDefinition")),
        case("a policy", "Version: 2012-10-17\nStatement: []\n", Ends::In(none)),
        case(
            "no metadata",
            "apiVersion: evenkeel/v1alpha1\nkind: Cluster\nspec: {}\n",
            Ends::In("missing field `metadata`"),
        ),
        case(
            "no name",
            "apiVersion: evenkeel/v1alpha1\nkind: Cluster\nmetadata: {}\nspec: {}\n",
            Ends::In("missing field `name`"),
        ),
        case(
            "no spec",
            "apiVersion: evenkeel/v1alpha1\nkind: Cluster\nmetadata: {name: a}\n",
            Ends::In("missing field `spec`"),
        ),
        case(
            "no kind",
            "apiVersion: evenkeel/v1alpha1\nmetadata: {name: a}\nspec: {}\n",
            Ends::In("missing field `kind`"),
        ),
        case("a name that is a list", cluster("[a]"), Ends::In("expected a name")),
        case(
            "a spec that is a text",
            "apiVersion: evenkeel/v1alpha1\nkind: Cluster\nmetadata: {name: a}\nspec: all\n",
            Ends::In("expected a map"),
        ),
        case(
            "a spec that is nothing",
            "apiVersion: evenkeel/v1alpha1\nkind: Cluster\nmetadata: {name: a}\nspec:\n",
            Ends::Somehow,
        ),
        case(
            "every field of the spec is nothing",
            with("tags:\n  settings:\n  configuration:\n  clusterName:"),
            Ends::Somehow,
        ),
        case("a policy that is nothing", document("Policy", "p", "  policyDocument:\n"), Ends::In("")),
        case("a policy that is empty", document("Policy", "p", "  policyDocument: {}\n"), Ends::In("")),
        case(
            "a policy without statements",
            document("Policy", "p", "  policyDocument: {Statement: []}\n"),
            Ends::In(""),
        ),
        case("a policy that is a list", document("Policy", "p", "  policyDocument: []\n"), Ends::In("")),
        case("a policy that is a number", document("Policy", "p", "  policyDocument: 1\n"), Ends::In("")),
        case(
            "a policy of another language",
            document("Policy", "p", "  policyDocument: 'permit(principal, action, resource);'\n"),
            Ends::In("not valid JSON"),
        ),
        case(
            "a policy that is half encoded",
            document("Policy", "p", "  policyDocument: '%7B%2'\n"),
            Ends::In("hexadecimal"),
        ),
        case(
            "a policy that is encoded twice",
            document("Policy", "p", "  policyDocument: '%257B%257D'\n"),
            Ends::In("not valid JSON"),
        ),
        case(
            "an encoded policy that is no text",
            document("Policy", "p", "  policyDocument: '%FF%FE'\n"),
            Ends::In("not UTF-8"),
        ),
        case(
            "an escape in a policy as text",
            document(
                "Policy",
                "p",
                "  policyDocument: '{\"Statement\":{\"Effect\":\"\\u001b[2J\",\"Action\":\"\\u009b\",\"Resource\":\"\\u202e\"}}'\n",
            ),
            Ends::In(""),
        ),
        case(
            "a key with an escape in a policy as text",
            document("Policy", "p", "  policyDocument: '{\"\\u001b[2J\\u202e\":1}'\n"),
            Ends::In(""),
        ),
        case(
            "a container that is a text",
            document("TaskDefinition", "web", "  containerDefinitions: [web]\n"),
            Ends::In("expected a map"),
        ),
        case(
            "containers that are a map",
            document("TaskDefinition", "web", "  containerDefinitions: {web: {}}\n"),
            Ends::In("expected a list"),
        ),
        case("no containers", document("TaskDefinition", "web", "  containerDefinitions: []\n"), Ends::Somehow),
    ]
}

/// References in rings, chains and stars.
fn references(files: usize) -> Vec<Case> {
    let refers = |name: &str, to: &str| {
        role(
            name,
            &format!(
                "  inlinePolicies:\n    p: {{Version: '2012-10-17', Statement: {{Effect: Allow, Action: 'iam:PassRole', Resource: {{ref: Role/{to}}}}}}}\n"
            ),
        )
    };
    let chain = |from: usize, to: usize| {
        (from..to).map(|n| refers(&format!("r{n}"), &format!("r{}", n + 1))).collect::<Vec<_>>()
    };
    let ring = |length: usize| {
        (0..length)
            .map(|n| refers(&format!("r{n}"), &format!("r{}", (n + 1) % length)))
            .collect::<Vec<_>>()
            .join("---\n")
    };
    let mut long = Vec::new();
    for file in 0..files {
        let mut documents = chain(file * 500, (file + 1) * 500);
        if file == files - 1 {
            documents.push(role(&format!("r{}", files * 500), ""));
        }
        long.push((format!("{file:02}.yaml"), documents.join("---\n").into_bytes()));
    }
    vec![
        case("a reference to itself", refers("r0", "r0"), Ends::As(1)),
        case("a ring of two", ring(2), Ends::As(2)),
        case("a ring of 900", ring(900), Ends::As(900)),
        case("a chain of 900", [chain(0, 899), vec![role("r899", "")]].concat().join("---\n"), Ends::As(900)),
        Case { name: "a chain over many files".to_owned(), files: long, ends: Ends::As(files * 500 + 1) },
        case(
            "900 references to one",
            [(0..899).map(|n| refers(&format!("r{n}"), "r899")).collect(), vec![role("r899", "")]]
                .concat()
                .join("---\n"),
            Ends::As(900),
        ),
        case(
            "900 references to nothing",
            (0..900).map(|n| refers(&format!("r{n}"), "none")).collect::<Vec<_>>().join("---\n"),
            Ends::In("there is no such manifest"),
        ),
        case("a reference with more in it", with("capacityProviders: [{ref: a, more: b}]"), Ends::In("")),
        case("a reference to a reference", with("capacityProviders: [{ref: {ref: a}}]"), Ends::In("")),
        case("a reference to a list", with("capacityProviders: [{ref: [a]}]"), Ends::In("")),
        case("a reference to nothing", with("capacityProviders: [{ref: ~}]"), Ends::In("")),
        case("a reference with slashes", with("capacityProviders: [{ref: a/b/c}]"), Ends::In("")),
        case(
            "a reference to a wrong kind",
            [with("capacityProviders: [{ref: Role/r}]"), role("r", "")].join("---\n"),
            Ends::In(""),
        ),
    ]
}

/// Files with nothing in them, and some that seem so.
fn empty() -> Vec<Case> {
    let nothing = [
        ("no byte", ""),
        ("a line end", "\n"),
        ("a space", " "),
        ("a mark", "\u{feff}"),
        ("a comment", "# all of it\n"),
        ("a marker", "---\n"),
        ("two markers", "---\n---\n"),
        ("`null`", "null\n"),
        ("`~`", "~\n"),
        ("an anchor", "&a\n"),
        ("a marker and a comment", "---\n# a\n"),
        ("line ends", &"\n".repeat(1_000_000)),
        ("spaces", &" ".repeat(1_000_000)),
        ("comments", &"#\n".repeat(500_000)),
        ("`null` in JSON", "null"),
    ];
    let something = [
        ("an empty map", "{}\n"),
        ("an empty list", "[]\n"),
        ("an empty text", "\"\"\n"),
        ("a directive", "%YAML 1.2\n"),
        ("tabs", &"\t".repeat(1_000_000)),
        ("a tag", "!!null\n"),
        ("an end", "...\n"),
    ];
    let nothing = nothing.into_iter().map(|(name, text)| case(format!("nothing but {name}"), text, Ends::InNothing));
    let something = something.into_iter().map(|(name, text)| case(format!("nothing but {name}"), text, Ends::Somehow));
    nothing.chain(something).collect()
}
