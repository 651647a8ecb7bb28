// The list of tables as data: its columns, sort order and filter. Pure.

const URGENCY = { late: 0, stale: 1, never: 2, unknown: 3, fresh: 4, unmonitored: 5 };

/** The columns: `by` is the sort key of a row, `descending` the first direction, `numeric` how cells are aligned. */
export const COLUMNS = [
  { id: "name", title: "Table", by: (row) => row.name },
  { id: "owner", title: "Owner", by: (row) => row.owner },
  { id: "state", title: "Freshness", by: (row) => [problems(row) ? 0 : 1, URGENCY[row.state], row.name] },
  { id: "rows", title: "Rows", by: (row) => row.rows ?? -1, descending: true, numeric: true },
  { id: "size", title: "Size", by: (row) => row.size_mb ?? -1, descending: true, numeric: true },
  { id: "until", title: "Data until", by: (row) => row.data_until ?? "", descending: true },
  { id: "last", title: "Last load", by: (row) => row.last?.at ?? "", descending: true },
  { id: "changes", title: "Changed", by: (row) => row.last?.changed ?? -1, descending: true, numeric: true },
  { id: "spark", title: "Last 30 loads", by: (row) => row.spark.length, descending: true },
];

/** The number of reasons why a table needs a look: incidents, failed checks, late or stale data, missing days. */
export function problems(row) {
  const reasons = [row.problem, row.state === "late", row.stale_days, row.missing_days].filter(Boolean);
  return row.incidents + (row.checks.failed ?? 0) + reasons.length;
}

/** The rows that match the filter {text, state, bookkeeping}: every word of the text, and the state. */
export function filterRows(rows, filter) {
  const words = filter.text.toLowerCase().split(/\s+/).filter(Boolean);
  return rows.filter((row) => {
    if (row.kind === "bookkeeping" && !filter.bookkeeping) return false;
    if (filter.state === "problem" ? !problems(row) : filter.state && row.state !== filter.state) return false;
    const text = `${row.name} ${row.owner} ${row.description}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
}

/** Whether {sort, reverse} sorts in ascending order. */
export function isAscending({ sort, reverse }) {
  const { descending } = COLUMNS.find((column) => column.id === sort);
  return Boolean(descending) === reverse;
}

/** The rows in the order of {sort: the id of a column, reverse}. */
export function sortRows(rows, order) {
  const { by } = COLUMNS.find((column) => column.id === order.sort);
  const sign = isAscending(order) ? 1 : -1;
  return rows
    .map((row) => ({ row, key: [by(row)].flat() }))
    .toSorted((left, right) => sign * compare(left.key, right.key))
    .map(({ row }) => row);
}

function compare(left, right) {
  const index = left.findIndex((value, position) => value !== right[position]);
  if (index < 0) return 0;
  return left[index] < right[index] ? -1 : 1;
}
