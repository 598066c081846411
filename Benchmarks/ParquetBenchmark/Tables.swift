import Base
import Parquet

/// Columns of one row group, as a caller would hand them over.
struct Table {
  var schema: ParquetSchema
  var columns: [ColumnValues] = []
  var validities: [[UInt64]?] = []
  var rowCount: Int
}

/// Splitmix64: the same numbers everywhere.
struct Random {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }

  /// Uniform in [0, 1).
  mutating func unit() -> Double { Double(next() >> 11) * 0x1p-53 }

  /// Roughly normal: the sum of four uniforms.
  mutating func normal() -> Double { (unit() + unit() + unit() + unit() - 2) * 1.732 }

  mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }
}

/// What the ten metrics are like.
enum MetricKind {
  /// Sensor values: random walks in steps of 0.01 to 0.001.
  case rounded
  /// Half rounded, a quarter that fit a float, a quarter with every bit in use.
  case mixed
  /// Random walks with every bit of the mantissa in use: the worst case.
  case unrounded

  func value(_ raw: Double, metric: Int) -> Double {
    let step = metric % 2 == 0 ? 100.0 : 1000.0
    switch self {
    case .rounded: return (raw * step).rounded(.toNearestOrEven) / step
    case .unrounded: return raw
    case .mixed:
      if metric < 5 { return (raw * step).rounded(.toNearestOrEven) / step }
      return metric < 8 ? Double(Float(raw)) : raw
    }
  }
}

func words(_ prefix: String, count: Int) -> ByteStrings {
  var bytes: [UInt8] = []
  var starts = [0]
  for index in 0..<count {
    let digits = String(index)
    bytes += Array((prefix + String(repeating: "0", count: 6 - digits.utf8.count) + digits).utf8)
    starts.append(bytes.count)
  }
  return ByteStrings(bytes: bytes, starts: starts)
}

/// Rows of `readings_<source>`: 2,000 devices, sorted by device and time, one reading a second.
func rawRows(_ rowCount: Int, values: MetricKind) -> Table {
  let deviceCount = max(1, min(2000, rowCount / 100))
  let metricCount = 10
  var random = Random(state: 1)
  var devices: [UInt32] = []
  var times: [Int64] = []
  var sequences: [Int64] = []
  var regions: [UInt32] = []
  var firmwares: [UInt32] = []
  var flags: [Int32] = []
  var offsets: [Int64] = []
  var timestamps: [Int64] = []
  var metrics = Array(repeating: [Double](), count: metricCount)
  var levels = Array(repeating: 0.0, count: metricCount)
  let start: Int64 = 1_790_000_000_000_000
  for row in 0..<rowCount {
    let device = row * deviceCount / rowCount
    let tick = row - (device * rowCount + deviceCount - 1) / deviceCount
    if devices.last != UInt32(device) {
      for metric in 0..<metricCount { levels[metric] = 20 + random.unit() * 60 }
    }
    let jitter = Int64(random.below(20_000))
    devices.append(UInt32(device))
    times.append(start + Int64(tick) * 1_000_000 + jitter)
    sequences.append(Int64(device) * 1_000_003 + Int64(tick))
    regions.append(UInt32(device % 12))
    firmwares.append(UInt32(device % 5))
    flags.append(random.below(10_000) == 0 ? 1 : 0)
    offsets.append(Int64(tick * deviceCount + (device + random.below(30)) % deviceCount))
    timestamps.append((start + Int64(tick) * 1_000_000 + jitter) / 1000 * 1000 + 40_000)
    for metric in 0..<metricCount {
      levels[metric] += random.normal() * 0.05
      metrics[metric].append(values.value(levels[metric], metric: metric))
    }
  }
  var table = Table(schema: rawSchema(metricCount: metricCount), rowCount: rowCount)
  table.columns = [
    .words(indexes: devices, dictionary: words("device-", count: deviceCount)),
    .int64(times), .int64(sequences),
    .words(indexes: regions, dictionary: words("region-", count: 12)),
    .words(indexes: firmwares, dictionary: words("fw-", count: 5)),
  ]
  table.columns += metrics.map { .double($0) }
  table.columns += [
    .int32(flags), .constantWord(Array("fleet.telemetry".utf8)), .constantInteger(0),
    .constantInteger(3), .int64(offsets), .int64(timestamps),
    .constantInteger(0),
  ]
  table.validities = Array(repeating: nil, count: table.columns.count)
  return table
}

func rawSchema(metricCount: Int) -> ParquetSchema {
  var columns = [
    ParquetColumn(name: "device_id", type: .string, isOptional: false),
    ParquetColumn(name: "event_time", type: .timestampMicros),
    ParquetColumn(name: "sequence", type: .int64),
    ParquetColumn(name: "region", type: .string),
    ParquetColumn(name: "firmware", type: .string),
  ]
  columns += (0..<metricCount).map { ParquetColumn(name: "metric_\($0)", type: .double) }
  columns += [
    ParquetColumn(name: "flags", type: .int32),
    ParquetColumn(name: "kafka_topic", type: .string),
    ParquetColumn(name: "topic_incarnation", type: .int32),
    ParquetColumn(name: "kafka_partition", type: .int32),
    ParquetColumn(name: "kafka_offset", type: .int64),
    ParquetColumn(name: "kafka_timestamp", type: .timestampMicros),
    ParquetColumn(name: "row_index", type: .int32),
  ]
  return ParquetSchema(columns: columns)
}

/// Rows of `windows`: every metric of every device, a window a minute, sorted by device.
func windowRows(_ rowCount: Int) -> Table {
  let deviceCount = max(1, min(2000, rowCount / 100))
  let metricCount = 10
  var random = Random(state: 2)
  var devices: [UInt32] = []
  var metrics: [UInt32] = []
  var windowStarts: [Int64] = []
  var windowEnds: [Int64] = []
  var revisions: [Int32] = []
  var counts: [Int64] = []
  var aggregates = Array(repeating: [Double](), count: 7)
  let start: Int64 = 1_790_000_000_000_000
  for row in 0..<rowCount {
    let device = row * deviceCount / rowCount
    let within = row - (device * rowCount + deviceCount - 1) / deviceCount
    let windowStart = start + Int64(within / metricCount) * 60_000_000
    devices.append(UInt32(device))
    metrics.append(UInt32(within % metricCount))
    windowStarts.append(windowStart)
    windowEnds.append(windowStart + 60_000_000)
    revisions.append(random.below(500) == 0 ? 1 : 0)
    let count = 60 - (random.below(20) == 0 ? random.below(5) : 0)
    counts.append(Int64(count))
    let mean = 20 + random.unit() * 60
    let spread = 0.1 + random.unit()
    let low = MetricKind.rounded.value(mean - 2 * spread, metric: 0)
    let high = MetricKind.rounded.value(mean + 2 * spread, metric: 0)
    let first = MetricKind.rounded.value(mean + random.normal() * spread, metric: 0)
    let last = MetricKind.rounded.value(mean + random.normal() * spread, metric: 0)
    let values = [mean * Double(count), mean, low, high, spread, first, last]
    for (index, value) in values.enumerated() { aggregates[index].append(value) }
  }
  var table = Table(schema: windowSchema(), rowCount: rowCount)
  table.columns = [
    .constantWord(Array("fleet".utf8)),
    .words(indexes: devices, dictionary: words("device-", count: deviceCount)),
    .words(indexes: metrics, dictionary: words("metric_", count: metricCount)),
    .constantWord(Array("1m".utf8)),
    .int64(windowStarts), .int64(windowEnds), .int32(revisions), .int64(counts),
  ]
  table.columns += aggregates.map { .double($0) }
  table.validities = Array(repeating: nil, count: table.columns.count)
  return table
}

func windowSchema() -> ParquetSchema {
  let aggregates = ["sum", "mean", "min", "max", "stddev", "first", "last"]
  return ParquetSchema(
    columns: [
      ParquetColumn(name: "source", type: .string),
      ParquetColumn(name: "device_id", type: .string, isOptional: false),
      ParquetColumn(name: "metric", type: .string),
      ParquetColumn(name: "window_name", type: .string),
      ParquetColumn(name: "window_start", type: .timestampMicros),
      ParquetColumn(name: "window_end", type: .timestampMicros),
      ParquetColumn(name: "revision", type: .int32),
      ParquetColumn(name: "count", type: .int64),
    ] + aggregates.map { ParquetColumn(name: $0, type: .double) })
}
