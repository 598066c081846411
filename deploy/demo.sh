#!/usr/bin/env bash
# The whole path on this machine: an embedded broker, a made-up fleet, the pipeline, the tables.
# Usage: deploy/demo.sh path/to/downlinkd [python with duckdb]
set -euo pipefail

program=$1
python=${2:-}
folder=$(mktemp -d "${TMPDIR:-/tmp}/downlink-demo.XXXXXX")
broker=
# Only what this script started is ended, by its id.
trap 'if [ -n "$broker" ]; then kill "$broker" 2>/dev/null || true; wait "$broker" 2>/dev/null || true; fi' EXIT

echo "Everything of this demo lies in $folder"
echo
echo "1. An embedded broker (in memory, 8 partitions)"
"$program" broker --topic telemetry:8 --port-file "$folder/port" >"$folder/broker.log" 2>&1 &
broker=$!
for _ in $(seq 100); do [ -s "$folder/port" ] && break; sleep 0.1; done
address=$(cat "$folder/port")
echo "   ready at $address"

cat >"$folder/downlinkd.yaml" <<YAML
pipeline: demo
kafka:
  brokers: [$address]
  properties: {session.timeout.ms: 6000}
sources:
  - name: snapshots
    topics: [telemetry]
    message: fleet.telemetry.v1.DeviceTelemetry
    device: device_id
    time: {field: time_unix_ms, unit: ms}
    sequence: sequence
    attributes: [region, firmware]
    metrics: all
windows:
  - {name: 1m, size: 1m, slide: 10s}
  - {name: 5m, size: 5m, slide: 1m, metrics: ["battery_*"]}
storage: {root: ./data, commit: {interval: 2s}}
log: {format: text}
YAML

echo
echo "2. A fleet of 500 satellites, ten minutes at 1 Hz; 1 % comes late, 0.1 % is broken"
"$program" produce --brokers "$address" --topic telemetry --fleet 500 --seconds 600 \
  --late-share 0.01 --late-by 45s --bad-share 0.001

echo
echo "3. The pipeline, until it has caught up"
"$program" run --config "$folder/downlinkd.yaml" --until-caught-up --fire-open-windows

echo
echo "4. What it wrote"
for table in "$folder"/data/tables/*; do
  files=$(find "$table" -name '*.parquet' | wc -l)
  echo "   $(basename "$table"): $files files, $(du -sh "$table" | cut -f1)"
done

cat >"$folder/query.sql" <<SQL
select device_id, window_start, count, round(mean, 2) as mean, max
from delta_scan('$folder/data/tables/windows')
where metric = 'battery_temperature_c' and window_name = '1m'
qualify row_number() over (
  partition by device_id, window_start order by revision desc) = 1  -- the newest revision
order by max desc limit 5;
SQL
if [ -n "$python" ] && [ -x "$python" ]; then
  "$python" - "$folder/query.sql" "$folder/data/tables" <<'PYTHON'
import glob, os, sys
import duckdb, duckdb_extension_delta

connection = duckdb.connect(config={"allow_unsigned_extensions": "true"})
package = os.path.dirname(duckdb_extension_delta.__file__)
extension = glob.glob(package + "/**/*.duckdb_extension", recursive=True)[0]
connection.execute(f"load '{extension}'")
for table in sorted(os.listdir(sys.argv[2])):
    rows = connection.execute(f"select count(*) from delta_scan('{sys.argv[2]}/{table}')")
    print(f"   {table}: {rows.fetchone()[0]:,} rows")
print("\n5. The hottest batteries, asked of DuckDB\n")
print(connection.sql(open(sys.argv[1]).read()))
PYTHON
fi
echo
echo "Ask yourself, in DuckDB (install delta; load delta;):"
echo
sed 's/^/   /' "$folder/query.sql"
