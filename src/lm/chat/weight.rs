//! What a value costs to print. A list may hold another twice, and that one a third twice: small in memory, without
//! an end in print, and the engine's own printing is not counted as work.

use minijinja::filters;
use minijinja::value::{Kwargs, Rest, StringInput, Value, ValueKind, ValueOrKwargs};
use minijinja::{Environment, Error, State, escape_formatter};

/// The engine's printing operations, with their values paid for first.
pub(super) fn pay_for_printing(environment: &mut Environment<'static>) {
    environment.remove_filter("pprint");
    environment.set_formatter(|output, state, value| {
        pay(state, value)?;
        escape_formatter(output, state, value)
    });
    environment.add_filter("string", |state: &mut State<'_, '_>, value: &Value| {
        pay(state, value)?;
        filters::string(state, value)
    });
    environment.add_filter("join", join);
    environment.add_filter("format", |state: &mut State<'_, '_>, format: &Value, values: Rest<ValueOrKwargs>| {
        let values: Vec<Value> = values.into_values();
        values.iter().try_for_each(|value| pay(state, value))?;
        let text = format.as_str().unwrap_or_default();
        minijinja::formatting::format(minijinja::formatting::FormatStyle::Printf, text, &values)
    });
}

fn join(
    state: &mut State<'_, '_>,
    value: &Value,
    joiner: Option<StringInput<'_>>,
    attribute: Option<&str>,
    kwargs: Kwargs,
) -> Result<Value, Error> {
    pay(state, value)?;
    filters::join(state, value, joiner, attribute, kwargs)
}

/// Charges one unit for each value that printing this one prints, before it is printed.
pub(super) fn pay(state: &State<'_, '_>, value: &Value) -> Result<(), Error> {
    let mut open = vec![value.clone()];
    while let Some(value) = open.pop() {
        state.consume_fuel(1)?;
        match value.kind() {
            ValueKind::Seq | ValueKind::Iterable => open.extend(value.try_iter()?),
            ValueKind::Map => {
                for key in value.try_iter()? {
                    state.consume_fuel(1)?;
                    open.push(value.get_item(&key)?);
                }
            }
            _ => {}
        }
    }
    Ok(())
}
