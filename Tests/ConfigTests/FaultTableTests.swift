import Config
import Testing

/// A text made from `minimal`, and every fault it must have:
/// `line:column key.path: message = suggestion`.
struct FaultCase: CustomTestStringConvertible {
  var replace = ""
  var with = ""
  var append = ""
  var environment: [String: String] = [:]
  let expected: [String]

  var text: String {
    (replace.isEmpty ? minimal : minimal.replacing(replace, with: with)) + append
  }

  var testDescription: String { expected.first ?? "" }

  static func changed(
    _ replace: String, _ with: String, environment: [String: String] = [:], _ expected: String...
  ) -> FaultCase {
    FaultCase(replace: replace, with: with, environment: environment, expected: expected)
  }

  func adding(_ text: String, _ expected: String...) -> FaultCase {
    FaultCase(
      replace: replace, with: with, append: text, environment: environment,
      expected: self.expected + expected)
  }

  /// `minimal` has nine lines: what is appended begins in line 10.
  static func appended(_ text: String, _ expected: String...) -> FaultCase {
    FaultCase(append: text, expected: expected)
  }
}

@Suite struct FaultTableTests {
  @Test(arguments: keyCases + kafkaCases + sourceCases + admissionCases)
  func `each fault has its place and its words`(_ row: FaultCase) {
    expect(row)
  }

  @Test(arguments: eventTimeCases + windowCases + storageCases + tableCases)
  func `each fault of the analysis has its place and its words`(_ row: FaultCase) {
    expect(row)
  }

  @Test(arguments: detectorCases + statisticalCases)
  func `each fault of a detector has its place and its words`(_ row: FaultCase) {
    expect(row)
  }

  private func expect(_ row: FaultCase) {
    #expect(minimal.contains(row.replace) || row.replace.isEmpty, "the case changes nothing")
    let found = faults(of: row.text, environment: row.environment).map { fault in
      "\(fault.line):\(fault.column) \(fault.keyPath): \(fault.message)"
        + (fault.suggestion.map { " = " + $0 } ?? "")
    }
    #expect(found == row.expected)
  }
}

let keyCases: [FaultCase] = [
  .changed(
    "pipeline: fleet\n", "",
    "1:1 : `pipeline` is missing; expected a name of letters, digits, `_` and `-`"),
  .changed(
    "pipeline: fleet", "pipelin: fleet",
    "1:1 pipelin: unknown key; expected one of pipeline, lanes, kafka, schema_registry, sources,"
      + " event_time,"
      + " windows, detectors, storage, tables, maintenance, memory, http, admin, alerts, log"
      + " = did you mean `pipeline`?"),
  .changed(
    "pipeline: fleet", "pipeline: fleet\npipeline: other",
    "2:1 pipeline: the key is given twice; the first is in line 1 = remove one of the two"),
  .changed(
    "brokers: [b:9092]", "brokers: [b:9092], brokers: [c:1], brokers: [d:1]",
    "2:28 kafka.brokers: the key is given twice; the first is in line 2 = remove one of the two",
    "2:44 kafka.brokers: the key is given twice; the first is in line 2 = remove one of the two"),
  .changed(
    "pipeline: fleet", "pipeline: [fleet]",
    "1:11 pipeline: expected a name of letters, digits, `_` and `-`; found a list"),
  .changed(
    "pipeline: fleet", "pipeline:",
    "1:10 pipeline: has no value; expected a name of letters, digits, `_` and `-`"),
  .changed(
    "pipeline: fleet", "pipeline: sat 7!",
    "1:11 pipeline: `sat 7!` may only contain letters, digits, `_` and `-`"
      + " = did you mean `sat_7_`?"),
  .changed(
    "pipeline: fleet", "pipeline: \"\"",
    "1:11 pipeline: `` is empty; expected letters, digits, `_` and `-`"),
  .appended("lanes: many\n", "10:8 lanes: `many` is not a number of lanes; expected auto or a whole"
    + " number from 1 to 256"),
  .appended("log: {level: warn}\n", "10:14 log.level: `warn` is not known here; expected one of"
    + " trace, debug, info, notice, warning, error, critical = did you mean `warning`?"),
  .appended("log: loud\n", "10:6 log: expected a mapping with level, format; found a single value"),
  .appended("log: {format: xml}\n", "10:15 log.format: `xml` is not known here; expected one of"
    + " auto, text, json"),
  .appended("http: {listen: localhost}\n", "10:16 http.listen: `localhost` has no port; expected an"
    + " address such as 127.0.0.1:9479, or none"),
  .appended("http: {listen: \"http://x:99999\"}\n", "10:16 http.listen: `http://x:99999` is not an"
    + " address such as 127.0.0.1:9479, or none = leave out what comes before `://`"),
  .appended("${KEY}: 1\n", "10:1 ${KEY}: references to the environment work in values only"),
]

let kafkaCases: [FaultCase] = [
  .changed(
    "kafka: {brokers: [b:9092]}\n", "",
    "1:1 kafka: `brokers` is missing; expected a list of host:port"),
  .changed(
    "[b:9092]", "[]",
    "2:18 kafka.brokers: the list is empty; expected at least one: host:port such as"
      + " kafka-1.example.net:9092"),
  .changed(
    "[b:9092]", "[b:9092, 'plaintext://c:9092', b:9092]",
    "2:27 kafka.brokers[1]: `plaintext://c:9092` is not host:port such as"
      + " kafka-1.example.net:9092 = leave out what comes before `://`",
    "2:49 kafka.brokers[2]: `b:9092` is in the list twice; the first is kafka.brokers[0]"
      + " = remove one of the two"),
  .changed(
    "[b:9092]", "'b:9092, c:x'",
    "2:18 kafka.brokers: `c:x` is not host:port such as kafka-1.example.net:9092"),
  .changed(
    "[b:9092]", "[b:9092], start: earlest, on_position_lost: skip-and-record",
    "2:35 kafka.start: `earlest` is not known here; expected one of earliest, latest"
      + " = did you mean `earliest`?",
    "2:62 kafka.on_position_lost: `skip-and-record` is not known here; expected one of stop,"
      + " skip_and_record = did you mean `skip_and_record`?"),
  .changed(
    "[b:9092]", "[b:9092], group: ${GROUP}",
    "2:36 : YAML syntax: did not find expected ',' or '}' (while parsing a flow mapping, line 2,"
      + " column 8) = inside { } and [ ] a reference goes in quotes: \"${NAME}\""),
  .changed(
    "[b:9092]", "[b:9092], group: \"${GROUP}\"",
    "2:35 kafka.group: the environment variable GROUP is not set = set it, or give a default:"
      + " ${GROUP:-value}"),
  .changed(
    "[b:9092]", "[b:9092], group: '${GRUOP}'", environment: ["GROUP": "g"],
    "2:35 kafka.group: the environment variable GRUOP is not set = did you mean ${GROUP}?"),
  .changed(
    "[b:9092]", "[b:9092], group: '${A B}'",
    "2:35 kafka.group: `${A B}` is not a reference; expected ${NAME} or ${NAME:-default}"
      + " = write $${ for a literal ${"),
  .changed(
    "[b:9092]", "[b:9092], group: '${A'",
    "2:35 kafka.group: `${` without a closing `}` = write $${ for a literal ${"),
  .changed(
    "[b:9092]", "[b:9092], group: '${G}'", environment: ["G": "a secret"],
    "2:35 kafka.group: `${G}` may only contain letters, digits, `.`, `_` and `-`"),
  .changed(
    "[b:9092]", "[b:9092], properties: {bootstrap.servers: x, enable.auto.commit: true}",
    "2:41 kafka.properties.bootstrap.servers: this property is set by downlink itself"
      + " = write kafka.brokers instead",
    "2:63 kafka.properties.enable.auto.commit: this property is set by downlink itself"
      + " = remove it; positions are kept in the ledger"),
  .changed(
    "[b:9092]", "[b:9092], properties: {sasl: {mechanism: PLAIN}, a: [x], b: }",
    "2:47 kafka.properties.sasl: expected a single value; found a mapping"
      + " = write the whole name of a property as one key: `sasl.mechanism: …`",
    "2:70 kafka.properties.a: expected a single value; found a list = write one text with commas",
    "2:78 kafka.properties.b: has no value; expected a text = write \"\" for an empty one"),
  .changed(
    "[b:9092]", "[b:9092], properties: [a, b]",
    "2:40 kafka.properties: expected a mapping of librdkafka properties; found a list"
      + " = write them as `security.protocol: sasl_ssl`"),
  .changed(
    "[b:9092]", "[b:9092], properties: {sasl.password: 'file:secrets/none'}",
    "2:56 kafka.properties.sasl.password: cannot read /etc/downlink/secrets/none: No such file or"
      + " directory"),
]

let sourceCases: [FaultCase] = [
  .changed("name: snapshots", "name: Snap-1", "4:11 sources[0].name: `Snap-1` may only contain"
    + " lower-case letters, digits and `_` = did you mean `snap_1`?"),
  .changed("[telemetry]", "[]", "5:13 sources[0].topics: the list is empty; expected at least one:"
    + " a name of letters, digits, `.`, `_` and `-`"),
  .changed("[telemetry]", "telemetry", "5:13 sources[0].topics: expected a list of: a name of"
    + " letters, digits, `.`, `_` and `-`; found a single value"
    + " = write it as a list: [telemetry]"),
  .changed("[telemetry]", "[a/b, t, ..]", "5:14 sources[0].topics[0]: `a/b` may only contain"
    + " letters, digits, `.`, `_` and `-` = did you mean `a_b`?",
    "5:22 sources[0].topics[2]: `..` is not a name Kafka accepts"),
  .changed("    message: fleet.telemetry.v1.DeviceTelemetry\n    device: device_id\n", "",
    "4:5 sources[0]: `message` is missing; expected a full message name such as"
      + " fleet.telemetry.v1.DeviceTelemetry",
    "4:5 sources[0]: `device` is missing; expected a field path such as"
      + " position.altitude_km, or $key, or $header.NAME"),
  .changed("device: device_id", "device: a..b", "7:13 sources[0].device: `a..b` is not a field path"
    + " such as position.altitude_km"),
  .changed("unit: ms", "unit: msec", "8:39 sources[0].time.unit: `msec` is not known here; expected"
    + " one of s, ms, us, ns"),
  .changed("time: {field: time_unix_ms, unit: ms}", "time: {unit: ms}",
    "8:11 sources[0].time: `field` is missing; expected a field path"),
  .changed("device: device_id", "device: device_id\n    metrics: '*'", "8:14 sources[0].metrics:"
    + " `*` is not known here; expected all, or a list of fields = write all"),
  .changed("device: device_id", "device: d\n    metrics: []", "8:14 sources[0].metrics: the list"
    + " is empty; expected at least one: a field path, or {field:, key:, name:, unit:}"),
  .changed("device: device_id", "device: d\n    metrics: [1x, a.b, {field: c, name: A_B}]",
    "8:15 sources[0].metrics[0]: `1x` is not a field path such as position.altitude_km",
    "8:41 sources[0].metrics[2].name: the column `A_B` is taken by sources[0].metrics[1];"
      + " names must"
      + " differ in more than case = give it another one with `name:`"),
  .changed("device: device_id", "device: d\n    metrics: [{name: x}]",
    "8:15 sources[0].metrics[0]: `field` is missing; expected a field path such as"
      + " position.altitude_km"),
  .changed("device: device_id", "device: d\n    attributes: [region, Kafka_Offset, a.b, a_b]",
    "8:26 sources[0].attributes[1]: the column `Kafka_Offset` would clash with a column of the"
      + " tables windows and anomalies",
    "8:45 sources[0].attributes[3]: the column `a_b` is taken by sources[0].attributes[2]; names"
      + " must differ in more than case"),
  .changed("device: device_id", "device: d\n    metric: {name: s.m, value: s.v}",
    "8:5 sources[0].metric: `metric` needs `rows`: the repeated field whose elements name their"
      + " metric"),
  .changed("device: device_id",
    "device: d\n    rows: s\n    metric: {name: s.m, value: v}\n    metrics: all",
    "9:32 sources[0].metric.value: `v` is not a field of the rows; expected s.<field>"
      + " = did you mean `s.v`?",
    "10:5 sources[0].metrics: `metrics` and `metric` exclude each other"
      + " = keep `metric` where each row names its metric, else `metrics`"),
  .changed("device: device_id", "device: d\n    descriptor_set: none.binpb",
    "8:21 sources[0].descriptor_set: cannot read /etc/downlink/none.binpb: No such file or"
      + " directory = make it with: protoc --include_imports --descriptor_set_out=FILE …"),
  .changed("  - name: snapshots", "  - {name: other, topics: [x, 'a b', telemetry], message: M,"
    + " device: d, time: {field: t}}\n  - name: Other\n    a: 1\n  - name: snapshots",
    "4:31 sources[0].topics[1]: `a b` may only contain letters, digits, `.`, `_` and `-`"
      + " = did you mean `a_b`?",
    "5:5 sources[1]: `topics` is missing; expected a list of topics",
    "5:5 sources[1]: `message` is missing; expected a full message name such as"
      + " fleet.telemetry.v1.DeviceTelemetry",
    "5:5 sources[1]: `device` is missing; expected a field path such as"
      + " position.altitude_km, or $key, or $header.NAME",
    "5:5 sources[1]: `time` is missing; expected {field: …, unit: s | ms | us | ns}",
    "5:11 sources[1].name: `Other` may only contain lower-case letters, digits and `_`"
      + " = did you mean `other`?",
    "6:5 sources[1].a: unknown key; expected one of name, topics, message, descriptor_set, protos,"
      + " envelope, rows, device, time, sequence, attributes, metrics, metric, deduplicate, limits,"
      + " event_time, dead_letter_flood, implicit_zero",
    "8:14 sources[2].topics[0]: the topic `telemetry` belongs to sources[0] already (line 4); a"
      + " topic has one source = remove it from one of the two"),
]

let admissionCases: [FaultCase] = [
  .changed("device: device_id", "device: d\n    deduplicate: {}",
    "8:18 sources[0].deduplicate: `by` is missing; expected one of sequence, payload"),
  .changed("device: device_id", "device: d\n    deduplicate: {by: sequence}",
    "8:23 sources[0].deduplicate.by: `by: sequence` needs `sequence`, the field path of the"
      + " sequence number = name it, or write by: payload"),
  .changed("device: device_id",
    "device: d\n    deduplicate: {by: key, within: 15d, records: 0, for: 1h}",
    "8:23 sources[0].deduplicate.by: `key` is not known here; expected one of sequence, payload",
    "8:36 sources[0].deduplicate.within: `15d` is out of range; expected 1s to 14d",
    "8:50 sources[0].deduplicate.records: `0` is out of range; expected a whole number from 1 to"
      + " 16000000",
    "8:53 sources[0].deduplicate.for: unknown key; expected one of by, within, records"),
  .changed("device: device_id", "device: d\n    deduplicate: {by: payload, within: 1500100us}",
    "8:40 sources[0].deduplicate.within: `1500100us` is not a whole number of milliseconds"),
  .changed("device: device_id",
    "device: d\n    limits: {message: 2GB, depth: 65, rows: 0, devices: many, metrics: -1,"
      + " attributes: 0}",
    "8:23 sources[0].limits.message: `2GB` is out of range; expected 1kB to 16MB",
    "8:35 sources[0].limits.depth: `65` is out of range; expected a whole number from 1 to 64",
    "8:45 sources[0].limits.rows: `0` is out of range; expected a whole number from 1 to"
      + " 100000000",
    "8:57 sources[0].limits.devices: `many` is not a whole number; expected a whole number from 1"
      + " to 100000000",
    "8:72 sources[0].limits.metrics: `-1` is out of range; expected a whole number from 1 to"
      + " 10000000",
    "8:88 sources[0].limits.attributes: `0` is out of range; expected a whole number from 1 to"
      + " 100000000"),
]

let eventTimeCases: [FaultCase] = [
  .appended("event_time: {device_idle: 0s, out_of_orderness: 5}\n",
    "10:27 event_time.device_idle: `0s` is out of range; expected 1s to 400d",
    "10:49 event_time.out_of_orderness: `5` has no unit; expected a duration such as 30s, 5m or"
      + " 1h30m = did you mean `5s`?"),
  .appended("event_time: {partition_idle: 0s}\n",
    "10:30 event_time.partition_idle: `0s` is out of range; expected 1s to 400d"),
  .appended("event_time: {partition_idle: none}\n",
    "10:30 event_time.partition_idle: `none` is not a duration; expected a duration such as 30s, 5m"
      + " or 1h30m"),
  .appended("event_time: {partition_idle: 59s}\n",
    "10:30 event_time.partition_idle: 59s is less than storage.commit.interval, 1m: every pause"
      + " between two commits would fire what is open = raise it to 1m or more"),
  .appended("event_time: {plausible_from: 2001-02-29}\n", "10:30 event_time.plausible_from:"
    + " `2001-02-29` is a date that does not exist; expected a date such as 2000-01-01"
    + " = did you mean `2001-03-01`?"),
  .appended("event_time: {plausible_from: 1.1.2000}\n", "10:30 event_time.plausible_from:"
    + " `1.1.2000`"
    + " is not a date; expected a date such as 2000-01-01"),
  .appended("event_time: {plausible_from: 1969-12-31}\n", "10:30 event_time.plausible_from:"
    + " `1969-12-31` is out of range; expected 1970-01-01 to 2100-01-01"),
]

let windowCases: [FaultCase] = [
  .appended("windows: [{name: 5m, size: 5 min, slide: 1M}]\n",
    "10:28 windows[0].size: `5 min` is not a duration; expected a duration such as 30s, 5m or 1h30m"
      + " = did you mean `5m`?",
    "10:42 windows[0].slide: `1M` is not a duration; expected a duration such as 30s, 5m or 1h30m"
      + " = did you mean `1m`?"),
  .appended("windows: [{name: w, size: 5m, slide: 10m}]\n", "10:38 windows[0].slide: the"
    + " slide, 10m,"
    + " is longer than the size, 5m: readings in between would enter no window"
    + " = did you mean `slide: 5m`?"),
  .appended("windows: [{name: w, size: 5m, slide: 0}]\n", "10:38 windows[0].slide: `0` is out of"
    + " range; expected 100ms to 400d"),
  .appended("windows: [{name: w, size: 401d}]\n", "10:27 windows[0].size: `401d` is out of range;"
    + " expected 100ms to 400d"),
  .appended("windows: [{name: w, size: 5m, slide: 2m}]\n", "10:38 windows[0].slide: the size,"
    + " 5m, is"
    + " not a whole multiple of the slide, 2m = did you mean `size: 6m`?"),
  .appended("windows: [{name: w, size: 30d, slide: 1m}]\n", "10:39 windows[0].slide: a window"
    + " of 30d"
    + " in steps of 1m has 43200 slices; at most 10080 are accepted"
    + " = a slide of at least 5m fits"),
  .appended("windows: [{name: w, size: 100.5ms}]\n", "10:27 windows[0].size: `100.5ms` is"
    + " finer than"
    + " a millisecond; windows are made of whole milliseconds"),
  .appended("windows: [{name: w, size: 5m, aggregates: [cuont, sum, sum]}]\n",
    "10:44 windows[0].aggregates[0]: `cuont` is not known here; expected one of count, sum, mean,"
      + " min, max, stddev, first, last = did you mean `count`?",
    "10:56 windows[0].aggregates[2]: `sum` is in the list twice; the first is"
      + " windows[0].aggregates[1] = remove one of the two"),
  .appended("windows:\n  - {name: w, size: 5m}\n  - {name: W, size: 5m}\n", "12:12 windows[1].name:"
    + " the name `W` (but for case) is taken by windows[0] in line 11 = give each its own name"),
  .appended("windows: [{name: w, size: 5m, sources: [snapshot, 'x y', \"z*\"]}]\n",
    "10:41 windows[0].sources[0]: `snapshot` is no source; there is snapshots"
      + " = did you mean `snapshots`?",
    "10:51 windows[0].sources[1]: `x y` is not a glob: ` ` has no place in it; `*` stands for any"
      + " characters, `?` for one",
    "10:58 windows[0].sources[2]: `z*` is no source; there is snapshots"),
  .appended("windows: {name: w, size: 5m}\n", "10:10 windows: expected a list of: a window such as"
    + " {name: 5m, size: 5m, slide: 1m}; found a mapping = begin each item with `- `"),
]

let storageCases: [FaultCase] = [
  .changed("storage: {root: /srv/downlink}\n", "",
    "1:1 : `storage` is missing; expected a mapping with root: the folder of the tables"),
  .changed("{root: /srv/downlink}", "{}",
    "9:10 storage: `root` is missing; expected a text"),
  .changed("/srv/downlink", "~/data", "9:17 storage.root: `~/data` starts with `~`, which is not"
    + " expanded = write ${HOME}/data"),
  .changed("/srv/downlink", "/x, parquet: {compression: gzip, row_group_rows: 5}",
    "9:44 storage.parquet.compression: `gzip` is not known here; expected one of zstd, snappy, lz4,"
      + " none",
    "9:66 storage.parquet.row_group_rows: `5` is out of range; expected a whole number from 1000 to"
      + " 100000000"),
  .changed("/srv/downlink", "/x, parquet: {compression: lz4, level: 3}",
    "9:49 storage.parquet.level: `lz4` has no levels; only zstd does = remove `level`"),
  .changed("/srv/downlink", "/x, commit: {interval: 0.5s, bytes: 64M}, state_interval: 2h",
    "9:40 storage.commit.interval: `0.5s` is out of range; expected 1s to 1h",
    "9:53 storage.commit.bytes: `64M` is not a size; expected a size such as 64MB or 1GiB"
      + " = did you mean `64MB`?",
    "9:75 storage.state_interval: `2h` is out of range; expected 1s to 1h"),
  .changed("/srv/downlink", "/x, commit: {bytes: 1GB}", "9:37 storage.commit.bytes: memory.buffers,"
    + " 128MB, is less than twice storage.commit.bytes, 1GB: one commit is written while the next"
    + " gathers = raise memory.buffers to 2GB"),
  .appended("memory: {buffers: 100}\n", "10:19 memory.buffers: `100` has no unit; expected a"
    + " size such"
    + " as 64MB or 1GiB = did you mean `100B`?"),
  .appended("memory: {buffers: 40MB}\n", "10:19 memory.buffers: memory.buffers, 40MB, is"
    + " less than"
    + " twice storage.commit.bytes, 24MB: one commit is written while the next gathers"
    + " = raise it to 48MB, or set storage.commit.bytes"),
]
