//! Replacing real files.

use std::os::unix::fs::symlink;

use tempfile::TempDir;

use super::*;

#[expect(
    clippy::unnecessary_wraps,
    reason = "as the functions under test take it"
)]
fn text(text: &str) -> Text {
    Some(Zeroizing::new(text.to_owned()))
}

fn change(path: &Path, before: Text, after: Text) -> Change {
    Change {
        path: path.to_owned(),
        before,
        after,
    }
}

/// A file with these contents and this mode.
fn file(directory: &TempDir, name: &str, contents: &str, mode: u32) -> PathBuf {
    let path = directory.path().join(name);
    let mut file = File::create(&path).unwrap();
    file.write_all(contents.as_bytes()).unwrap();
    file.set_permissions(Permissions::from_mode(mode)).unwrap();
    path
}

fn names(directory: &TempDir) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(directory.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn contents(path: &Path) -> String {
    read(path).unwrap().unwrap().to_string()
}

#[test]
fn mode_and_copy_are_kept() {
    let directory = TempDir::new().unwrap();
    let path = file(&directory, "config", "old", 0o640);
    let changes = [change(&path, text("old"), text("new"))];
    let copies = write(&changes, Some("20260101T000000Z")).unwrap();
    assert_eq!(
        names(&directory),
        ["config", "config.before-rolecall-20260101T000000Z"]
    );
    assert_eq!(
        (contents(&path), contents(&copies[0])),
        ("new".to_owned(), "old".to_owned())
    );
    for path in [&path, &copies[0]] {
        assert_eq!(fs::metadata(path).unwrap().mode() & 0o777, 0o640);
    }
    let changes = [change(&path, text("new"), text("newer"))];
    let copies = write(&changes, Some("20260101T000000Z")).unwrap();
    assert!(
        copies[0].to_string_lossy().ends_with("Z-2"),
        "an older copy is never overwritten"
    );
}

#[test]
fn a_new_file_and_its_directory_are_private() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("a/b/config.toml");
    write(&[change(&path, None, text("x"))], Some("s")).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    let parent = path.parent().unwrap();
    assert_eq!(fs::metadata(parent).unwrap().mode() & 0o777, 0o700);
    assert_eq!(
        fs::read_dir(parent).unwrap().count(),
        1,
        "nothing to copy, nothing left over"
    );
}

#[test]
fn a_link_stays_a_link() {
    let directory = TempDir::new().unwrap();
    let real = file(&directory, "dotfiles-config", "old", 0o600);
    let link = directory.path().join("config");
    symlink(&real, &link).unwrap();
    let path = real_path(&link).unwrap();
    write(&[change(&path, text("old"), text("new"))], None).unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(contents(&link), "new");
}

#[test]
fn all_or_none() {
    let directory = TempDir::new().unwrap();
    let one = file(&directory, "one", "1", 0o600);
    let two = directory.path().join("two");
    let three = file(&directory, "three", "3, edited by someone", 0o600);
    let changes = [
        change(&one, text("1"), text("1 new")),
        change(&two, None, text("2 new")),
        change(&three, text("3"), text("3 new")),
    ];
    let failure = write(&changes, None).err().unwrap();
    assert!(
        failure.message.ends_with("three was changed meanwhile"),
        "{}",
        failure.message
    );
    assert_eq!(contents(&one), "1");
    assert_eq!(contents(&three), "3, edited by someone");
    assert_eq!(names(&directory), ["one", "three"]);
}

#[test]
fn what_cannot_be_put_back_is_named() {
    let directory = TempDir::new().unwrap();
    let one = file(&directory, "one", "changed by someone", 0o600);
    let done = [change(&one, text("1"), text("1 new"))];
    let failure = roll_back(&done, Failure::new("no room"));
    assert!(failure.message.starts_with("no room; "));
    assert!(
        failure
            .message
            .contains("one could not be put back: it was changed meanwhile")
    );
    assert_eq!(contents(&one), "changed by someone");
}

#[test]
fn removing() {
    let directory = TempDir::new().unwrap();
    let path = file(&directory, "config.toml", "x", 0o600);
    write(&[change(&path, text("x"), None)], None).unwrap();
    assert_eq!(names(&directory), Vec::<String>::new());
}

#[test]
fn text_only() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("latin1");
    File::create(&path).unwrap().write_all(b"\xff").unwrap();
    assert!(read(&path).err().unwrap().message.contains("UTF-8"));
    assert!(read(&directory.path().join("none")).unwrap().is_none());
}

#[test]
fn digests_are_lower_case_hex() {
    assert_eq!(
        sha256(""),
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    );
}
