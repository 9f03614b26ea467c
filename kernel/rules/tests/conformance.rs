//! The conformance executable as a process: every vector as a line, and lines that are wrong.

#[path = "support/json.rs"]
mod json;

use serde_json::{Value, json};
use std::io::Write;
use std::process::{Command, Stdio};

/// Give lines to the executable; None, with a line that says so, where it was not built.
fn run(lines: &str) -> Option<(Vec<Value>, i32)> {
    let tests = std::env::current_exe().unwrap();
    let name = format!("conformance{}", std::env::consts::EXE_SUFFIX);
    let program = tests.parent().unwrap().parent().unwrap().join("examples").join(name);
    if !program.exists() {
        println!("skipped: no {}; cargo test without --test builds it", program.display());
        return None;
    }
    let mut child = Command::new(program)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let (mut stdin, lines) = (child.stdin.take().unwrap(), lines.to_owned());
    let feed = std::thread::spawn(move || _ = stdin.write_all(lines.as_bytes()));
    let done = child.wait_with_output().unwrap();
    feed.join().unwrap();
    let answers = std::str::from_utf8(&done.stdout).unwrap().lines();
    Some((answers.map(|line| serde_json::from_str(line).unwrap()).collect(), done.status.code().unwrap()))
}

fn refused(stage: &str, code: &str) -> Value {
    json!({"ok": false, "stage": stage, "code": code})
}

#[test]
fn every_vector_as_a_line() {
    let Some(folder) = json::vectors() else {
        return;
    };
    let files = [json::files(&folder, "json"), json::files(&folder.join("independent"), "json")].concat();
    let mut lines = String::new();
    for path in &files {
        // as it is: some have half a surrogate pair, which no Value holds
        let text = std::fs::read_to_string(path).unwrap().replace('\n', " ");
        lines += &format!("{}\n", text.replacen('{', r#"{"op": "verify", "#, 1));
    }
    let Some((answers, code)) = run(&lines) else {
        return;
    };
    assert_eq!((answers.len(), code), (files.len(), 0));
    for (path, mut found) in files.iter().zip(answers) {
        let Ok(vector) = json::read(path) else {
            assert_eq!(found["stage"], "malformed", "{}", path.display());
            continue;
        };
        if found["ok"] == true {
            let ids = found["block_ids"].take();
            assert_eq!(ids, vector["block_ids"]);
            assert!(found["charges"].as_array().unwrap().iter().any(|charge| charge["kind"] == "revoked"));
            found = json!({"ok": true});
        }
        if found["stage"] == "malformed" {
            found["code"] = vector["expect"]["code"].clone();
        }
        assert_eq!(found, vector["expect"], "{}", path.display());
    }
}

#[test]
fn lines_that_say_what_is_not_understood() {
    let request = r#"{"audience": "github", "action": "repo.read", "run": [["agt_1", 2]]}"#;
    let good = format!(r#"{{"op": "verify", "token": "", "keys": [], "request": {request}, "now": 1}}"#);
    let with = |old: &str, new: &str| {
        assert!(good.contains(old));
        good.replace(old, new)
    };
    let lines = [
        with(r#""now": 1"#, r#""now": 1, "now": 1"#),
        with(r#""now": 1"#, r#""now": 9223372036854775808"#),
        with(r#""now": 1"#, r#""now": 1.0"#),
        with(r#""now": 1"#, r#""now": NaN"#),
        with(r#""now": 1"#, r#""now": 1, "options": {"leeway": 61}"#),
        with(r#""now": 1"#, r#""now": 1, "options": {"later": 1}"#),
        with(r#""audience""#, r#""zz": 1, "audience""#),
        with(r#""audience""#, r#""facts": {"a": 1, "\u0061": 2}, "audience""#),
        with(r#""audience""#, r#""facts": {"a": "\ud800"}, "audience""#),
        with(r#""audience""#, r#""cost": {"usd": true}, "audience""#),
        with(r#""keys": []"#, r#""keys": [{"id": "k1", "alg": 5, "key": "AA"}]"#),
        with("agt_1", "agt_1@2/agt_1"),
        r#"{"op": "later"}"#.into(),
        "[]".into(),
        format!("{}{}", "[".repeat(5000), "]".repeat(5000)),
    ];
    let text = format!("{good}\n{}\n", lines.join("\n"));
    let Some((answers, code)) = run(&text) else {
        return;
    };
    assert_eq!((&answers[0], code), (&refused("malformed", "text"), 0));
    for (line, found) in lines.iter().zip(&answers[1..]) {
        assert_eq!(*found, refused("malformed", "facts"), "{line:.200}");
    }
    assert_eq!(answers.len(), 1 + lines.len());
}

#[test]
fn what_is_not_done_here_is_said() {
    let ops = ["mint", "narrow", "seal", "present", "call_binding", "flatten"];
    let lines: String = ops.iter().map(|op| format!("{{\"op\": \"{op}\"}}\n")).collect();
    if let Some(found) = run(&lines) {
        assert_eq!(found, (ops.map(|op| refused("unsupported", op)).to_vec(), 0));
    }
}

#[test]
fn what_is_no_json_ends_it() {
    for wrong in
        ["", "{", "{} {}", "01", r#""\x""#, "\"\t\"", "[1,]", "{\"a\" 1}", "nul", "\u{feff}{}", "-", "1."]
    {
        if let Some((answers, code)) = run(&format!("{{}}\n{wrong}\n{{}}\n")) {
            assert_eq!((answers.len(), code), (1, 1), "{wrong:?}");
        }
    }
}
