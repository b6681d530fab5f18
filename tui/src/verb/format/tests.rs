//! The five forms of one listing.

use serde::Serialize;

use super::{Column, Format, Table, listing};

struct Fruit {
    name: &'static str,
    grams: u32,
}

#[derive(Serialize)]
struct Row<'a> {
    name: &'a str,
    grams: u32,
}

type Cell = Column<Fruit>;

const COLUMNS: &[Cell] = &[
    Cell::text("NAME", |f| f.name.to_owned()),
    Cell::number("WEIGHT", |f| format!("{} g", f.grams)).raw(|f| f.grams.to_string()),
    Cell::text("FIRST", |f| f.name[..1].to_owned()).wide(),
];
const FRUITS: &[Fruit] = &[Fruit { name: "apple", grams: 180 }, Fruit { name: "pomelo\t\x1b", grams: 1_100 }];

fn shown(format: Format) -> String {
    listing(format, "fruits", COLUMNS, FRUITS, |fruit| Row { name: fruit.name, grams: fruit.grams })
}

#[test]
fn a_table_aligns_words_left_and_numbers_right() {
    assert_eq!(shown(Format::Table), "NAME        WEIGHT\napple        180 g\npomelo^I^[  1100 g\n");
}

#[test]
fn wide_adds_columns_at_the_end() {
    assert_eq!(shown(Format::Wide), "NAME        WEIGHT  FIRST\napple        180 g  a\npomelo^I^[  1100 g  p\n");
}

#[test]
fn tsv_has_all_columns_without_head_and_units() {
    assert_eq!(shown(Format::Tsv), "apple\t180\ta\npomelo^I^[\t1100\tp\n");
}

#[test]
fn json_is_one_document_with_a_version() {
    assert_eq!(
        shown(Format::Json),
        r#"{
  "schema_version": 1,
  "fruits": [
    {
      "name": "apple",
      "grams": 180
    },
    {
      "name": "pomelo\t\u001b",
      "grams": 1100
    }
  ]
}
"#
    );
}

#[test]
fn jsonl_is_an_object_with_a_version_per_line() {
    assert_eq!(
        shown(Format::Jsonl),
        "{\"schema_version\":1,\"name\":\"apple\",\"grams\":180}\n\
         {\"schema_version\":1,\"name\":\"pomelo\\t\\u001b\",\"grams\":1100}\n"
    );
}

#[test]
fn without_rows_a_table_is_its_head_and_tsv_is_empty() {
    let none = |format| listing(format, "fruits", COLUMNS, &[], |f| Row { name: f.name, grams: f.grams });
    assert_eq!(none(Format::Table), "NAME  WEIGHT\n");
    assert_eq!(none(Format::Tsv), "");
    assert_eq!(none(Format::Jsonl), "");
    assert_eq!(none(Format::Json), "{\n  \"schema_version\": 1,\n  \"fruits\": []\n}\n");
}

#[test]
fn columns_of_a_stream_only_grow() {
    let mut table = Table::new(COLUMNS, false);
    assert_eq!(table.print(&FRUITS[..1]), "NAME   WEIGHT\napple   180 g\n");
    assert_eq!(table.row(&FRUITS[1]), "pomelo^I^[  1100 g\n");
    assert_eq!(table.row(&FRUITS[0]), "apple        180 g\n");
}
