//! The programs' sizes.

use super::super::children::size;
use super::super::row::{Budget, Quantity, Row};
use super::Measured;

pub(super) fn rows(measured: &Measured) -> anyhow::Result<Vec<Row>> {
    let row = |work: &str, program, most| -> anyhow::Result<Row> {
        let most = Budget::AtMost(Quantity::Bytes(most));
        Ok(Row::new(work, Quantity::Bytes(size(program)?), most))
    };
    Ok(vec![
        row("size: rolecalld", &measured.programs.rolecalld, 12_000_000)?,
        row("size: rolecall", &measured.programs.rolecall, 2_500_000)?,
    ])
}
