//! What DESIGN's layout promises and no compiler checks.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

/// A file is about one thing, and short enough to be read at a sitting.
const LONGEST_FILE: usize = 500;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn toml(path: &str) -> Table {
    read(&root().join(path)).parse().unwrap()
}

/// Every file of these kinds below `directory`.
fn files(directory: &Path, kinds: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() {
            if !name.starts_with('.') && name != "target" && name != "node_modules" {
                found.extend(files(&path, kinds));
            }
        } else if kinds.iter().any(|kind| name.ends_with(kind)) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The code of a file, without what is commented out or said in comments.
fn code(text: &str) -> String {
    text.lines()
        .map(|line| {
            line.match_indices("//")
                // Not within a string, such as a URL.
                .find(|(at, _)| line[..*at].matches('"').count() % 2 == 0)
                .map_or(line, |(at, _)| &line[..at])
        })
        .collect::<Vec<_>>()
        .join("\n")
}

/// The names that follow `path::` in `code`: `a` of `path::a::b`, `a` and `c` of `path::{a::b, c}`.
fn names_after<'a>(code: &'a str, path: &str) -> Vec<&'a str> {
    let prefix = format!("{path}::");
    let mut names = Vec::new();
    for (at, _) in code.match_indices(&prefix) {
        // The end of a longer name, or a text that looks like a path.
        let before = code[..at].chars().next_back();
        if before.is_some_and(|it| it.is_alphanumeric() || "_:\"".contains(it)) {
            continue;
        }
        let rest = &code[at + prefix.len()..];
        match rest.strip_prefix('{') {
            None => names.push(identifier(rest)),
            Some(group) => names.extend(members(group).map(identifier)),
        }
    }
    names
}

fn identifier(text: &str) -> &str {
    let text = text.trim_start();
    let end = text.find(|it: char| !it.is_alphanumeric() && it != '_');
    &text[..end.unwrap_or(text.len())]
}

/// The members of a `{…}` group of a `use`, from behind its opening brace.
fn members(group: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0_u32;
    let mut start = 0;
    let mut found = Vec::new();
    for (at, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                found.push(group[start..at].trim());
                start = at + 1;
                if character == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    found.into_iter().filter(|member| !member.is_empty())
}

/// The daemon's modules from the ground up, as the documentation of its library lists them.
fn modules() -> Vec<String> {
    let library = read(&root().join("daemon/src/lib.rs"));
    let documentation: String = library
        .lines()
        .filter_map(|line| line.strip_prefix("//!"))
        .collect();
    let (_, list) = documentation.split_once("keeps that):").unwrap();
    let (list, _) = list.split_once('.').unwrap();
    list.split(',')
        .map(|name| name.trim().trim_matches('`').to_owned())
        .collect()
}

#[test]
fn every_module_of_the_daemon_is_in_the_list() {
    let modules = modules();
    assert_eq!(modules.first().map(String::as_str), Some("sys"));
    assert_eq!(modules.last().map(String::as_str), Some("app"));
    let library = code(&read(&root().join("daemon/src/lib.rs")));
    let library = library.replace("#[cfg(test)]\nmod ", "#[cfg(test)] ");
    let declared: Vec<&str> = library
        .lines()
        .filter_map(|line| line.trim().strip_suffix(';')?.rsplit_once("mod "))
        .map(|(_, name)| name)
        .collect();
    assert!(declared.len() > 10, "{declared:?}");
    let mut listed = modules.iter();
    for name in declared {
        assert!(
            listed.any(|it| it == name),
            "{name} is not listed, or not in order"
        );
    }
}

#[test]
fn a_module_imports_only_what_comes_before_it() {
    let modules = modules();
    let source = root().join("daemon/src");
    let place = |name: &str| modules.iter().position(|it| it == name);
    let mut wrong = Vec::new();
    for file in files(&source, &[".rs"]) {
        let relative = file.strip_prefix(&source).unwrap();
        let module = relative.components().next().unwrap().as_os_str();
        let module = module.to_str().unwrap().trim_end_matches(".rs");
        // lib.rs and main.rs stand above all modules.
        let Some(own) = place(module) else { continue };
        let text = code(&read(&file));
        let mut names = names_after(&text, "crate");
        if relative.components().count() == 1 || relative.ends_with("mod.rs") {
            names.extend(names_after(&text, "super"));
        }
        for name in names {
            if place(name).is_some_and(|other| other > own) {
                wrong.push(format!("{} refers to {name}", relative.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_daemon_uses_the_client_s_types_and_paths_alone() {
    let source = root().join("daemon/src");
    let mut used = 0;
    for file in files(&source, &[".rs"]) {
        let text = code(&read(&file));
        for name in names_after(&text, "rolecall") {
            assert!(matches!(name, "api" | "path"), "{}: {name}", file.display());
            used += 1;
        }
    }
    assert!(used > 0);

    let daemon = toml("daemon/Cargo.toml");
    let dependency = &daemon["dependencies"]["rolecall"];
    assert_eq!(dependency.get("features"), None);
    assert_eq!(dependency["workspace"].as_bool(), Some(true));
    let shared = &toml("Cargo.toml")["workspace"]["dependencies"]["rolecall"];
    assert_eq!(shared["default-features"].as_bool(), Some(false));
    assert_eq!(shared.get("features"), None);
}

/// The AWS crates' default features bring an HTTP and TLS stack that gets no fixes any more.
#[test]
fn the_lock_file_has_no_old_stack() {
    let lock = toml("Cargo.lock");
    let packages = lock["package"].as_array().unwrap();
    let field = |package: &Value, name: &str| package[name].as_str().unwrap().to_owned();
    let has = |name: &str, version: &str| {
        packages.iter().any(|package| {
            field(package, "name") == name && field(package, "version").starts_with(version)
        })
    };
    assert!(has("aws-sdk-sts", "1.") && has("hyper", "1."));
    for (name, version) in [
        ("hyper", "0."),
        ("h2", "0.3."),
        ("rustls", "0.21."),
        ("openssl", ""),
        ("openssl-sys", ""),
        ("native-tls", ""),
    ] {
        assert!(!has(name, version), "{name} {version} is in Cargo.lock");
    }
}

#[test]
fn no_file_is_too_long() {
    let mut long = Vec::new();
    let mut seen = 0;
    for directory in ["client", "daemon", "tests"] {
        for file in files(&root().join(directory), &[".rs", ".py"]) {
            let lines = read(&file).lines().count();
            if lines > LONGEST_FILE {
                long.push(format!("{}: {lines} lines", file.display()));
            }
            seen += 1;
        }
    }
    assert!(seen > 20);
    assert!(long.is_empty(), "{long:#?}");
}

#[test]
fn references_are_found_in_every_form() {
    let text = code(
        "use crate::a::X;\nuse crate::{b::{Y, Z}, c, d::W as V};\nlet x = crate::e::f();\n\
         // crate::no\nlet url = \"http://crate::f\"; // crate::no\nmycrate::no; x::crate::no; f(\"crate::no\")",
    );
    assert_eq!(names_after(&text, "crate"), ["a", "b", "c", "d", "e", "f"]);
}

/// A comparison that stops at the first byte that differs tells, by its time, how much of a guess was right. So
/// nothing that is or opens a secret is compared by `==`: tokens are hashed before they are looked up, opened by
/// an AEAD, or compared in constant time.
///
/// Client contract 18, 74.
#[test]
fn tokens_are_never_compared_byte_by_byte() {
    let source = root().join("daemon/src");
    let mut wrong = Vec::new();
    for file in ["doors", "lease", "secrets.rs", "sys"].map(|it| source.join(it)) {
        let all = if file.is_dir() {
            files(&file, &[".rs"])
        } else {
            vec![file]
        };
        for file in all {
            let text = read(&file);
            // Tests come last, or in files of their own.
            let text = text
                .split("#[cfg(test)]\nmod tests {")
                .next()
                .unwrap_or_default();
            let relative = file.strip_prefix(&source).unwrap().display().to_string();
            if relative.contains("/tests") || relative.contains("/fake/") {
                continue;
            }
            for line in code(text).lines() {
                if compares_a_token(line) {
                    wrong.push(format!("{relative}: {}", line.trim()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");

    // The three ways there are.
    for (file, way) in [
        ("doors/token.rs", "verify_slices_are_equal("),
        ("doors/token.rs", "open_in_place("),
        ("lease/mod.rs", "by_token.get(&hash(token))"),
    ] {
        assert!(
            code(&read(&source.join(file))).contains(way),
            "{file} has no {way}"
        );
    }
}

/// Whether a line compares what is called a token, a key or a secret with something, other than by its length.
fn compares_a_token(line: &str) -> bool {
    let mut sides = Vec::new();
    for operator in [
        " == ",
        " != ",
        ".eq(",
        ".ne(",
        ".starts_with(",
        ".ends_with(",
        ".cmp(",
        ".contains(",
    ] {
        for (at, _) in line.match_indices(operator) {
            let word = |it: char| it.is_alphanumeric() || "_.&*".contains(it);
            let before = line[..at].rsplit(|it| !word(it)).next().unwrap_or_default();
            let after = line[at + operator.len()..]
                .split(|it| !word(it))
                .next()
                .unwrap_or_default();
            sides.extend([before, after]);
        }
    }
    sides.iter().any(|side| {
        let last = side
            .trim_start_matches(['&', '*'])
            .rsplit('.')
            .next()
            .unwrap_or_default();
        matches!(
            last,
            "token" | "key" | "secret" | "authorization" | "password"
        )
    })
}

#[test]
fn a_comparison_of_tokens_is_seen() {
    for line in [
        "if token == wanted {",
        "wanted != lease.token",
        "token.eq(other)",
        "self.token.starts_with(guess)",
        "a && &*key == b",
    ] {
        assert!(compares_a_token(line), "{line}");
    }
    for line in [
        "token.len() != TOKEN_BYTES",
        "path == TOKEN",
        "lease.slug == slug",
        "tokens == 3",
    ] {
        assert!(!compares_a_token(line), "{line}");
    }
}
