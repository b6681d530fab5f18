//! One configuration in several files.

use super::*;

const MAIN: &str = "[groups.app.backends]\na = { address = \"127.0.0.1:1\" }";

struct Shelf(tempfile::TempDir);

impl Shelf {
    fn new(main: &str, others: &[(&str, &str)]) -> Self {
        let shelf = Self(tempfile::tempdir().expect("a folder"));
        fs::write(shelf.main(), main).expect("written");
        if !others.is_empty() {
            fs::create_dir(shelf.0.path().join(FOLDER)).expect("made");
        }
        for (name, text) in others {
            fs::write(shelf.0.path().join(FOLDER).join(name), text).expect("written");
        }
        shelf
    }

    fn main(&self) -> PathBuf {
        self.0.path().join("poise.toml")
    }

    fn faults(&self) -> Vec<String> {
        let faults = ConfigFiles::read(&self.main()).expect("read").parse().expect_err("invalid");
        let folder = format!("{}/", self.0.path().display());
        faults.iter().map(|fault| fault.to_string().replace(&folder, "")).collect()
    }
}

#[test]
fn a_file_alone_is_what_it_says() {
    let shelf = Shelf::new(MAIN, &[]);
    let files = ConfigFiles::read(&shelf.main()).expect("read");
    assert_eq!(files.text(), MAIN);
    assert_eq!(files.parse().expect("valid"), text::parse(MAIN).expect("valid"));
}

#[test]
fn files_of_the_folder_follow_by_name_and_others_are_left_alone() {
    let web = "# the shop\n\n[listeners.web]\nbind = \"127.0.0.1:2\"\nprotocol = \"http\"\ngroup = \"shop\"\n";
    let shop = "[groups.shop.backends]\nb = { address = \"127.0.0.1:3\" }\n";
    let others =
        [("20-web.toml", web), ("10-shop.toml", shop), (".hidden.toml", "x"), ("web.toml~", "x"), ("README", "x")];
    let shelf = Shelf::new(MAIN, &others);
    let files = ConfigFiles::read(&shelf.main()).expect("read");
    let names: Vec<_> = files.files().iter().filter_map(|part| part.path.file_name()).collect();
    assert_eq!(names, ["poise.toml", "10-shop.toml", "20-web.toml"]);
    let config = files.parse().expect("valid");
    assert_eq!((config.groups.len(), config.listeners.len()), (2, 1));
    assert_eq!(text::parse(&files.text()).expect("valid"), config);
}

#[test]
fn faults_name_their_file_and_their_line_in_it() {
    let shelf = Shelf::new(MAIN, &[("a.toml", "[groups.b]\n\nscheduler = \"x\"\n"), ("b.toml", "[groups.c]\nx = 1\n")]);
    let faults = shelf.faults();
    assert!(faults[0].starts_with("conf.d/a.toml:3:13: groups.b.scheduler: "), "{faults:?}");
    assert!(faults[1].starts_with("conf.d/b.toml:2:1: groups.c.x: "), "{faults:?}");
    let shelf = Shelf::new("[groups.b]\nscheduler = \"x\"", &[("a.toml", "[groups.c]\n")]);
    assert!(shelf.faults()[0].starts_with("poise.toml:2:13: "), "{:?}", shelf.faults());
}

#[test]
fn an_object_in_two_files_a_part_that_is_no_toml_and_one_without_a_section_are_faults() {
    let shelf = Shelf::new(MAIN, &[("a.toml", "[groups.app.backends]\nb = { address = \"127.0.0.1:2\" }\n")]);
    assert!(shelf.faults()[0].starts_with("conf.d/a.toml:1:"), "{:?}", shelf.faults());
    let shelf = Shelf::new(MAIN, &[("a.toml", "[groups.b]\nscheduler = \"\"\"\n"), ("b.toml", "[groups.c]\n")]);
    assert!(shelf.faults()[0].starts_with("conf.d/a.toml:"), "{:?}", shelf.faults());
    // It would be a backend of the file before.
    let shelf = Shelf::new(MAIN, &[("a.toml", "# more\nb = { address = \"127.0.0.1:2\" }\n")]);
    assert_eq!(shelf.faults(), ["conf.d/a.toml:2:1: a file of conf.d begins with a section; as in [listeners.web]"]);
}

#[test]
fn what_cannot_be_read_is_named_and_all_together_are_bounded() {
    let shelf = Shelf::new(MAIN, &[("a.toml", "[groups.b]\n")]);
    fs::write(shelf.0.path().join("conf.d/b.toml"), [0xff, 0xfe]).expect("written");
    let error = ConfigFiles::read(&shelf.main()).expect_err("no text");
    assert!(error.to_string().contains("conf.d/b.toml: "), "{error}");
    let half = "#".repeat(CONFIG_LEN_MAX / 2);
    let shelf = Shelf::new(&half, &[("a.toml", &half), ("b.toml", "##")]);
    assert_eq!(ConfigFiles::read(&shelf.main()).expect_err("too long").kind(), io::ErrorKind::FileTooLarge);
    assert!(ConfigFiles::read(&shelf.0.path().join("absent")).is_err());
}
