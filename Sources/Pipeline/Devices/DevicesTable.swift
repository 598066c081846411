import Base
import Decode
import DeltaLog
import Detectors
import Devices
import Ledger
import Parquet
import Telemetry
import Windows

/// `devices`: one row a device of a partition, as things stood at a ledger entry.
///
/// It holds no rows of the ledger: it follows from what is committed, and each partition's part is
/// replaced as a whole now and then (`DevicesWriter`). Its columns hold the attributes of all
/// sources together; what a row's source lacks is null. One value is the rows of one partition.
struct DevicesTable {
  /// What a column of the file is made of.
  fileprivate enum Origin {
    case source, deviceID, isAwake, severity
    case long(@Sendable (DevicesTable, UInt32) -> Int64?)
    /// By its name in the schema.
    case attribute(String), attributeSince(String)
  }

  fileprivate typealias Layout = [(column: TableColumn, origin: Origin)]

  static let name = "devices"

  let rows: DeviceRows
  /// The devices in the order of the rows.
  let devices: [UInt32]
  private let layout: Layout
  private let schema: ReadingSchema
  fileprivate let open: [UInt32: DeviceOpenCount]
  private let deviceIDs: ByteStrings
  /// By place in the schema.
  private let words: [ByteStrings]

  init(_ rows: DeviceRows, sources: [SourceOptions]) {
    self.rows = rows
    devices = rows.devices
    layout = Self.layout(sources)
    schema = sources[rows.sourceIndex].plan.schema
    open = Dictionary(uniqueKeysWithValues: rows.open.map { ($0.device, $0) })
    deviceIDs = rows.vocabulary.devices.byteStrings
    words = rows.vocabulary.attributes.map(\.byteStrings)
  }

  fileprivate func entry(_ device: UInt32) -> DeviceEntry? {
    Int(device) < rows.directory.deviceCount ? rows.directory[Int(device)] : nil
  }

  // MARK: - Columns

  var columnCount: Int { layout.count }

  /// The values of one column for the rows `range`, and the bitmap of present rows.
  func column(_ column: Int, _ range: Range<Int>) -> RowColumn.Column {
    let devices = Array(devices[range])
    switch layout[column].origin {
    case .source: return (.constantWord(Array(schema.source.utf8)), nil)
    case .deviceID: return (.words(indexes: devices, dictionary: deviceIDs), nil)
    case .long(let value): return RowColumn.long(devices) { value(self, $0) }
    case .isAwake: return (.boolean(devices.map { rows.times(of: $0).isAwake }), nil)
    case .severity: return RowColumn.text(devices) { open[$0]?.worst.text }
    case .attribute(let name):
      return wordColumn(devices, ofAttribute: schema.attributes.firstIndex(of: name))
    case .attributeSince(let name):
      let place = schema.attributes.firstIndex(of: name)
      return RowColumn.long(devices) { device in
        place.flatMap { attribute($0, of: device)?.since }.flatMap(\.known)
      }
    }
  }

  private func attribute(_ place: Int, of device: UInt32) -> DeviceAttribute? {
    Int(device) < rows.directory.deviceCount
      ? rows.directory.attribute(place, ofDevice: Int(device)) : nil
  }

  private func wordColumn(_ devices: [UInt32], ofAttribute place: Int?) -> RowColumn.Column {
    guard let place else { return RowColumn.text(devices) { _ in nil } }
    var validity = ValidityBuilder(rowCount: devices.count)
    let indexes = devices.enumerated().map { row, device in
      let word = attribute(place, of: device)?.word ?? WordTable.none
      if word == WordTable.none { validity.setAbsent(row) }
      return word
    }
    return (.words(indexes: indexes, dictionary: words[place]), validity.bitmap)
  }

  // MARK: - Definition

  static func definition(_ sources: [SourceOptions]) -> TableDefinition {
    TableDefinition(
      name: name, columns: layout(sources).map(\.column),
      partitionColumns: [
        DeltaColumn("kafka_topic", .string), DeltaColumn("topic_incarnation", .integer),
        DeltaColumn("kafka_partition", .integer),
      ],
      // A file is replaced every few minutes, and the removed ones are of use to nobody for long.
      properties: [(key: "delta.deletedFileRetentionDuration", value: "interval 6 hours")])
  }

  /// The values of the partition columns for one partition.
  static func partitionValues(of key: PartitionKey) -> PartitionValues {
    PartitionValues([
      ("kafka_topic", key.topic), ("topic_incarnation", "\(key.incarnation)"),
      ("kafka_partition", "\(key.partition)"),
    ])
  }

  private static func layout(_ sources: [SourceOptions]) -> Layout {
    var taken: Set = ["kafka_topic", "topic_incarnation", "kafka_partition"]
    taken.formUnion((head + tail).map(\.column.name))
    let attributes = WindowsTable.attributeNames(sources)
    // All names first, so that no attribute ever gives way to the age of another.
    let names = attributes.map { free($0, "_attribute", &taken) }
    var layout = head
    for (attribute, name) in zip(attributes, names) {
      let since = TableColumn(
        free(name + "_since", "_time", &taken), .timestamp,
        comment: "event time of the reading that brought it")
      layout.append(
        (TableColumn(name, .string, comment: "the last one known"), .attribute(attribute)))
      layout.append((since, .attributeSince(attribute)))
    }
    return layout + tail
  }

  /// The name, or the first longer one that no column has: an attribute may be called what a
  /// column of this table is.
  private static func free(
    _ name: String, _ suffix: String, _ taken: inout Set<String>
  ) -> String {
    var name = name
    while !taken.insert(name.lowercased()).inserted { name += suffix }
    return name
  }

  private static func time(
    _ name: String, _ comment: String, _ value: @escaping @Sendable (DevicesTable, UInt32) -> Int64?
  ) -> (column: TableColumn, origin: Origin) {
    (TableColumn(name, .timestamp, comment: comment), .long(value))
  }

  private static func count(
    _ name: String, _ comment: String?, _ value: @escaping @Sendable (DeviceEntry) -> Int64
  ) -> (column: TableColumn, origin: Origin) {
    (TableColumn(name, .long, comment: comment), .long { $0.entry($1).map(value) ?? 0 })
  }

  private static func skew(
    _ name: String, _ comment: String, _ value: @escaping @Sendable (DeviceEntry) -> Int64
  ) -> (column: TableColumn, origin: Origin) {
    (
      TableColumn(name, .long, unit: "ms", comment: comment),
      .long { $0.entry($1).flatMap { value($0).known }.map { Timestamp.floorDivide($0, by: 1000) } }
    )
  }

  private static let head: Layout = [
    (TableColumn("source", .string), .source),
    (TableColumn("device_id", .string), .deviceID),
    time("first_seen", "earliest trusted event time") { $0.entry($1)?.firstSeenTime },
    time("last_seen", "newest trusted event time") { $0.rows.times(of: $1).newest },
    time("last_kafka_timestamp", "of the last record that has one") {
      $0.entry($1)?.lastKafkaTimestamp.known
    },
    count("records", nil, \.recordCount),
    count("readings", "rows of it in readings_<source>", \.readingCount),
  ]

  private static let tail: Layout = [
    count("late_readings", "below the watermark when they came", \.lateCount),
    count("future_readings", "too far ahead of Kafka's time", \.futureCount),
    count("before_plausible_readings", "before plausible_from", \.beforePlausibleCount),
    skew("clock_skew_ms", "event time less Kafka timestamp, last reading", \.lastSkew),
    skew("clock_skew_max_ms", "event time less Kafka timestamp, largest ever", \.largestSkew),
    time("watermark", "no earlier event time is expected") { $0.rows.times(of: $1).watermark },
    time("final_through", "windows of the device that end by then are closed for good") {
      $0.rows.times(of: $1).closedThrough
    },
    (
      TableColumn("is_awake", .boolean, comment: "heard within device_idle of Kafka's time"),
      .isAwake
    ),
    (
      TableColumn("open_anomalies", .long),
      .long { table, device in Int64(table.open[device]?.count ?? 0) }
    ),
    (TableColumn("worst_severity", .string, comment: "of the open anomalies"), .severity),
    (
      TableColumn("kafka_offset", .long, comment: "of the last record"),
      .long { $0.entry($1)?.lastOffset.known }
    ),
  ]
}

extension Int64 {
  /// Nil for `DeviceEntry.none`.
  fileprivate var known: Int64? { self == DeviceEntry.none ? nil : self }
}
