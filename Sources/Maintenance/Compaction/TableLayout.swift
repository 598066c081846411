import Base
import DeltaLog
import Parquet

/// The columns of a table's files, and the order of the rows in them, from the table's newest
/// metaData action.
struct TableLayout: Sendable {
  struct Column: Sendable {
    let name: String
    let type: DeltaType

    var parquetType: ParquetType {
      switch type {
      case .long: .int64
      case .integer: .int32
      case .double: .double
      case .float: .float
      case .string: .string
      case .boolean: .boolean
      case .binary: .binary
      case .timestamp: .timestampMicros
      case .date: .date
      }
    }
  }

  /// By what the rows of a file are sorted: a text, then up to two integers, absent ones first.
  /// Rows that are equal in all of them stay in the order in which they came into the table. So
  /// the committer sorts rows of devices (`FilePlan`); letters and gaps it writes partition after
  /// partition. Whether a file is in this order is always looked at, never assumed.
  struct Order: Sendable, Equatable {
    /// Indexes of columns.
    var text: Int?
    var first: Int?
    var second: Int?

    /// The first that the table has all columns of.
    private static let known: [[String]] = [
      ["device_id", "event_time"], ["device_id", "window_start"],
      ["kafka_topic", "kafka_partition", "kafka_offset"],
      ["kafka_topic", "kafka_partition", "from_offset"],
    ]

    init(_ columns: [Column]) {
      for names in Self.known {
        let places = names.compactMap { name in columns.firstIndex { $0.name == name } }
        guard places.count == names.count, columns[places[0]].type == .string,
          places.dropFirst().allSatisfy({ columns[$0].parquetType.isInteger })
        else { continue }
        text = places[0]
        first = places[1]
        second = places.count > 2 ? places[2] : nil
        return
      }
    }

    var columns: [Int] { [text, first, second].compactMap { $0 } }
  }

  static let partitionColumn = "event_date"

  /// Of the files: without the partition column, in the order of the schema.
  let columns: [Column]
  let order: Order

  /// Nil for a table whose files cannot be merged: partitioned otherwise, or with columns of types
  /// that are none of ours.
  init?(metaData: JSONValue?) {
    guard let metaData,
      metaData["partitionColumns"]?.arrayValue?.map(\.stringValue) == [Self.partitionColumn],
      let text = metaData["schemaString"]?.stringValue,
      let fields = (try? JSONValue(parsing: text))?["fields"]?.arrayValue
    else { return nil }
    var columns: [Column] = []
    for field in fields {
      guard let name = field["name"]?.stringValue else { return nil }
      if name == Self.partitionColumn { continue }
      guard let type = field["type"]?.stringValue.flatMap({ DeltaType(rawValue: $0) }) else {
        return nil
      }
      columns.append(Column(name: name, type: type))
    }
    if columns.isEmpty { return nil }
    self.columns = columns
    order = Order(columns)
  }

  var schema: ParquetSchema {
    ParquetSchema(
      columns: columns.map {
        ParquetColumn(name: $0.name, type: $0.parquetType, isOptional: true)
      })
  }

  /// Columns of values of any length.
  var binaryColumns: [Int] { columns.indices.filter { columns[$0].type == .binary } }

  /// Bytes a row takes decoded, without the words of texts.
  var rowByteCount: Int {
    columns.reduce(0) { total, column in
      switch column.parquetType {
      case .boolean: total + 1
      case .int64, .double, .timestampMicros: total + 8
      case .int32, .float, .date, .string, .binary: total + 4
      }
    }
  }
}

extension ParquetType {
  fileprivate var isInteger: Bool {
    switch self {
    case .int32, .int64, .timestampMicros, .date: true
    case .boolean, .float, .double, .string, .binary: false
    }
  }
}
