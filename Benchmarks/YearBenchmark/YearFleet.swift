import Base
import DeltaLog
import Parquet

/// One column of a table, as both formats see it.
struct YearColumn {
  let name: String
  let parquet: ParquetType
  let delta: DeltaType
}

/// The rows of one date in one commit of one table, column by column.
struct YearRows {
  let day: Int32
  let rowCount: Int
  let columns: [ColumnValues]
  /// Of `temperature_c` or of `sum`, in 64ths of a degree.
  let sum: Int64
}

/// A table's columns; every table is partitioned by `event_date`.
struct YearTable {
  let name: String
  let columns: [YearColumn]

  var parquetSchema: ParquetSchema {
    ParquetSchema(columns: columns.map { ParquetColumn(name: $0.name, type: $0.parquet) })
  }

  var deltaSchema: DeltaSchema {
    DeltaSchema(
      columns: columns.map { DeltaColumn($0.name, $0.delta) } + [DeltaColumn("event_date", .date)])
  }

  /// As `ReadingsTable` of the pipeline has them.
  static let readings = YearTable(
    name: "readings_site",
    columns: [
      YearColumn(name: "device_id", parquet: .string, delta: .string),
      YearColumn(name: "event_time", parquet: .timestampMicros, delta: .timestamp),
      YearColumn(name: "sequence", parquet: .int64, delta: .long),
      YearColumn(name: "region", parquet: .string, delta: .string),
    ]
      + YearFleet.metrics.map { YearColumn(name: $0, parquet: .double, delta: .double) }
      + [
        YearColumn(name: "flags", parquet: .int32, delta: .integer),
        YearColumn(name: "kafka_topic", parquet: .string, delta: .string),
        YearColumn(name: "topic_incarnation", parquet: .int32, delta: .integer),
        YearColumn(name: "kafka_partition", parquet: .int32, delta: .integer),
        YearColumn(name: "kafka_offset", parquet: .int64, delta: .long),
        YearColumn(name: "kafka_timestamp", parquet: .timestampMicros, delta: .timestamp),
        YearColumn(name: "row_index", parquet: .int32, delta: .integer),
      ])

  /// As `WindowsTable` of the pipeline has them.
  static let windows = YearTable(
    name: "windows",
    columns: [
      YearColumn(name: "source", parquet: .string, delta: .string),
      YearColumn(name: "device_id", parquet: .string, delta: .string),
      YearColumn(name: "region", parquet: .string, delta: .string),
      YearColumn(name: "metric", parquet: .string, delta: .string),
      YearColumn(name: "window_name", parquet: .string, delta: .string),
      YearColumn(name: "window_start", parquet: .timestampMicros, delta: .timestamp),
      YearColumn(name: "window_end", parquet: .timestampMicros, delta: .timestamp),
      YearColumn(name: "revision", parquet: .int32, delta: .integer),
      YearColumn(name: "count", parquet: .int64, delta: .long),
      YearColumn(name: "sum", parquet: .double, delta: .double),
      YearColumn(name: "mean", parquet: .double, delta: .double),
      YearColumn(name: "kafka_topic", parquet: .string, delta: .string),
      YearColumn(name: "topic_incarnation", parquet: .int32, delta: .integer),
      YearColumn(name: "kafka_partition", parquet: .int32, delta: .integer),
    ])
}

/// A fleet that gives one reading a device a minute, for as many minutes as it is asked: the same
/// in every run. Values are multiples of 1/64, so that sums are exact in any order.
struct YearFleet {
  static let metrics = ["temperature_c", "voltage_v", "current_a", "charge"]
  static let topic = "site.telemetry"
  /// One window a device and metric in so many minutes.
  static let windowMinutes: Int64 = 15
  private static let minuteMicros: Int64 = 60_000_000

  let deviceCount: Int
  /// 2026-01-01T00:00:00Z.
  let startMicros = Int64(Timestamp.day(year: 2026, month: 1, day: 1)) * Timestamp.microsPerDay
  private let devices: ByteStrings
  private let regions: ByteStrings
  private let metricNames: ByteStrings
  private var random = SplitMix64(seed: 2026)
  /// By device and metric, 64ths.
  private var levels: [Int64]
  /// The same, of the window that is open.
  private var windowSums: [Int64]

  init(deviceCount: Int) {
    self.deviceCount = deviceCount
    devices = Self.words((0..<deviceCount).map { "site-\(1000 + $0)" })
    regions = Self.words(["north", "south", "islands"])
    metricNames = Self.words(Self.metrics)
    levels = (0..<deviceCount * Self.metrics.count).map { 1200 + Int64($0 % 97) * 16 }
    windowSums = Array(repeating: 0, count: levels.count)
  }

  private static func words(_ texts: [String]) -> ByteStrings {
    var bytes: [UInt8] = []
    var starts = [0]
    for text in texts {
      bytes += text.utf8
      starts.append(bytes.count)
    }
    return ByteStrings(bytes: bytes, starts: starts)
  }

  /// The readings of a minute, by date: a device whose turn it is was ten minutes late.
  mutating func readings(ofMinute minute: Int64) -> [YearRows] {
    var days: [Int32: [Int]] = [:]
    var times: [Int64] = []
    for device in 0..<deviceCount {
      let isLate = (minute + Int64(device) * 37) % 1440 == 5
      let time =
        startMicros + (minute - (isLate ? 10 : 0)) * Self.minuteMicros
        + Int64(device) * 1_000_000 % Self.minuteMicros
      times.append(time)
      days[Timestamp.day(ofMicros: time), default: []].append(device)
      for metric in Self.metrics.indices {
        let index = device * Self.metrics.count + metric
        levels[index] += Int64.random(in: -3...3, using: &random)
        windowSums[index] += levels[index]
      }
    }
    return days.sorted { $0.key < $1.key }.map { day, rows in
      readings(of: rows, day: day, minute: minute, times)
    }
  }

  private func readings(
    of rows: [Int], day: Int32, minute: Int64, _ times: [Int64]
  ) -> YearRows {
    let count = Self.metrics.count
    var columns: [ColumnValues] = [
      .words(indexes: rows.map { UInt32($0) }, dictionary: devices),
      .int64(rows.map { times[$0] }),
      .int64(rows.map { _ in minute }),
      .words(indexes: rows.map { UInt32($0 % 3) }, dictionary: regions),
    ]
    for metric in 0..<count {
      columns.append(.double(rows.map { Double(levels[$0 * count + metric]) / 64 }))
    }
    let arrived = startMicros + (minute + 1) * Self.minuteMicros
    columns += [
      .constantInteger(0), .constantWord(Array(Self.topic.utf8)), .constantInteger(0),
      .constantInteger(0),
      .int64(rows.map { minute * Int64(deviceCount) + Int64($0) }),
      .constantInteger(arrived), .constantInteger(0),
    ]
    return YearRows(
      day: day, rowCount: rows.count, columns: columns,
      sum: rows.reduce(0) { $0 + levels[$1 * count] })
  }

  /// The windows that end with a minute; nil where none does.
  mutating func windows(endingWith minute: Int64) -> YearRows? {
    guard (minute + 1) % Self.windowMinutes == 0 else { return nil }
    let end = startMicros + (minute + 1) * Self.minuteMicros
    let start = end - Self.windowMinutes * Self.minuteMicros
    let count = Self.metrics.count
    let rows = Array(windowSums.indices)
    let columns: [ColumnValues] = [
      .constantWord(Array("site".utf8)),
      .words(indexes: rows.map { UInt32($0 / count) }, dictionary: devices),
      .words(indexes: rows.map { UInt32($0 / count % 3) }, dictionary: regions),
      .words(indexes: rows.map { UInt32($0 % count) }, dictionary: metricNames),
      .constantWord(Array("15m".utf8)),
      .constantInteger(start), .constantInteger(end), .constantInteger(0),
      .constantInteger(Self.windowMinutes),
      .double(windowSums.map { Double($0) / 64 }),
      .double(windowSums.map { Double($0) / 64 / Double(Self.windowMinutes) }),
      .constantWord(Array(Self.topic.utf8)), .constantInteger(0), .constantInteger(0),
    ]
    let sum = windowSums.reduce(0, +)
    windowSums = Array(repeating: 0, count: rows.count)
    return YearRows(
      day: Timestamp.day(ofMicros: start), rowCount: rows.count, columns: columns, sum: sum)
  }
}
