//! The published schema of `run.json`, held to the types that write it.

use super::RunOutcome;
use expect_test::expect_file;

#[test]
fn the_published_schema_is_that_of_the_types() {
    let schema = serde_json::to_string_pretty(&schemars::schema_for!(RunOutcome)).expect("JSON");
    expect_file!["../../../../../docs/run.schema.json"].assert_eq(&(schema + "\n"));
}
