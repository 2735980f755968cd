//! All rows of all tables: out as they are at one moment, and into an empty database. Which columns a table has, the
//! database itself says, so that a migration needs no change here.

use std::collections::HashMap;

use futures::TryStreamExt;
use futures::stream::BoxStream;
use serde_json::{Map, Value};
use sqlx::{AssertSqlSafe, QueryBuilder, Row as _};
use tokio::sync::mpsc;

use super::{Connection, Database, Row, SqlStore, Tx, dialect};
use crate::store::backup::{RowBatch, TABLES};
use crate::store::error::{RowFault, StoreError};

/// Values of one statement: SQLite takes 32,766, Postgres 65,535.
const VALUES: usize = 20_000;

impl SqlStore {
    pub(super) async fn dump(&self, to: mpsc::Sender<RowBatch>) -> Result<(), StoreError> {
        let mut tx = self.snapshot().await?;
        dialect::take_ones_time(&mut tx).await?;
        for table in TABLES {
            let columns = columns(&mut tx, table).await?;
            // The key of each table is its first column, or its first two. A job's parent comes before it.
            let order = if table == "jobs" { "parent_id IS NOT NULL, id" } else { "1, 2" };
            let select = format!("SELECT {} FROM {table} ORDER BY {order}", names(&columns));
            let mut rows = sqlx::query(AssertSqlSafe(select)).fetch(&mut *tx);
            let mut batch = RowBatch::new(table);
            while let Some(row) = rows.try_next().await? {
                batch.push(&object(&columns, &row)?)?;
                if batch.is_full() && to.send(std::mem::replace(&mut batch, RowBatch::new(table))).await.is_err() {
                    return Ok(());
                }
            }
            if batch.rows() > 0 && to.send(batch).await.is_err() {
                return Ok(());
            }
        }
        Ok(())
    }

    pub(super) async fn fill(&self, mut rows: BoxStream<'_, Result<RowBatch, StoreError>>) -> Result<(), StoreError> {
        let mut tx = self.write(&[]).await?;
        dialect::hold_tables(&mut tx).await?;
        let mut known = HashMap::new();
        for table in TABLES {
            let first = sqlx::query(AssertSqlSafe(format!("SELECT 1 FROM {table} LIMIT 1")));
            if first.fetch_optional(&mut *tx).await?.is_some() {
                return Err(StoreError::NotEmpty { table });
            }
            known.insert(table, columns(&mut tx, table).await?);
        }
        while let Some(batch) = rows.try_next().await? {
            if let Some(columns) = known.get(batch.table()) {
                insert(&mut tx, &batch, columns).await?;
            }
        }
        Ok(tx.commit().await?)
    }
}

/// A column and what it holds.
struct Column {
    name: String,
    kind: Kind,
}

#[derive(Clone, Copy)]
enum Kind {
    Text,
    Integer,
    Real,
    Flag,
}

/// A value on its way in.
enum Cell {
    Text(Option<String>),
    Integer(Option<i64>),
    Real(Option<f64>),
    Flag(Option<bool>),
}

async fn columns(connection: &mut Connection, table: &'static str) -> Result<Vec<Column>, StoreError> {
    let columns: Vec<(String, String)> =
        sqlx::query_as(dialect::COLUMNS_OF_TABLE).bind(table).fetch_all(connection).await?;
    let column = |(name, kind): (String, String)| {
        let kind = match kind.as_str() {
            "text" => Kind::Text,
            "integer" | "bigint" => Kind::Integer,
            "real" | "double precision" => Kind::Real,
            "boolean" => Kind::Flag,
            _ => return Err(StoreError::Row { table, reason: RowFault::Kind { column: name, kind } }),
        };
        Ok(Column { name, kind })
    };
    columns.into_iter().map(column).collect()
}

fn names(columns: &[Column]) -> String {
    columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>().join(", ")
}

/// The row as JSON. A flag is 0 or 1, as SQLite has it; a real is a text, whose digits are not rounded on the way back.
fn object(columns: &[Column], row: &Row) -> Result<Map<String, Value>, StoreError> {
    let mut object = Map::new();
    for (index, column) in columns.iter().enumerate() {
        let value: Value = match column.kind {
            Kind::Text => row.try_get::<Option<String>, _>(index)?.into(),
            Kind::Integer => row.try_get::<Option<i64>, _>(index)?.into(),
            Kind::Real => row.try_get::<Option<f64>, _>(index)?.map(|number| format!("{number:?}")).into(),
            Kind::Flag => row.try_get::<Option<bool>, _>(index)?.map(i64::from).into(),
        };
        object.insert(column.name.clone(), value);
    }
    Ok(object)
}

async fn insert(tx: &mut Tx<'_>, batch: &RowBatch, columns: &[Column]) -> Result<(), StoreError> {
    let table = batch.table();
    let rows = batch.objects().map(|row| cells(row?, columns).map_err(|reason| StoreError::Row { table, reason }));
    let mut rows = rows.collect::<Result<Vec<_>, StoreError>>()?.into_iter().peekable();
    let at_once = VALUES / columns.len().max(1);
    while rows.peek().is_some() {
        let mut insert = QueryBuilder::<Database>::new(format!("INSERT INTO {table} ({}) ", names(columns)));
        insert.push_values(rows.by_ref().take(at_once), |mut tuple, row| {
            for cell in row {
                match cell {
                    Cell::Text(value) => tuple.push_bind(value),
                    Cell::Integer(value) => tuple.push_bind(value),
                    Cell::Real(value) => tuple.push_bind(value),
                    Cell::Flag(value) => tuple.push_bind(value),
                };
            }
        });
        insert.build().persistent(false).execute(&mut **tx).await?;
    }
    Ok(())
}

/// The values of a row, which has these columns and no other.
fn cells(mut row: Map<String, Value>, columns: &[Column]) -> Result<Vec<Cell>, RowFault> {
    let cell = |column: &Column| {
        let value = row.remove(&column.name).ok_or_else(|| RowFault::Missing { column: column.name.clone() })?;
        cell(column.kind, value).ok_or_else(|| RowFault::Value { column: column.name.clone() })
    };
    let cells = columns.iter().map(cell).collect::<Result<_, _>>()?;
    match row.keys().next() {
        Some(column) => Err(RowFault::Unknown { column: column.clone() }),
        None => Ok(cells),
    }
}

fn cell(kind: Kind, value: Value) -> Option<Cell> {
    Some(match (kind, value) {
        (Kind::Text, Value::Null) => Cell::Text(None),
        (Kind::Text, Value::String(text)) => Cell::Text(Some(text)),
        (Kind::Integer, Value::Null) => Cell::Integer(None),
        (Kind::Integer, Value::Number(number)) => Cell::Integer(Some(number.as_i64()?)),
        (Kind::Real, Value::Null) => Cell::Real(None),
        (Kind::Real, Value::String(text)) => Cell::Real(Some(text.parse().ok()?)),
        (Kind::Flag, Value::Null) => Cell::Flag(None),
        (Kind::Flag, Value::Number(number)) => Cell::Flag(Some(number.as_i64()? != 0)),
        _ => return None,
    })
}
