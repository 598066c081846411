import Parquet
import Telemetry

/// The metric columns of one row group, turned from the batches' rows into columns.
///
/// A batch keeps a row's metrics side by side, so one pass over the rows fills all columns and
/// touches each row's memory once, where column after column would touch it once a metric.
struct MetricGather {
  private let types: [MetricType]
  private let presenceWordCount: Int
  private var rowCount = 0
  /// Column after column, `rowCount` words each.
  private var words: [UInt64] = []
  /// Column after column, one bit a row.
  private var presence: [UInt64] = []
  private var absentCounts: [Int]
  /// Metrics whose words are stretches of bytes: here of `bytes`, in the batches of their own.
  private let byteStringMetrics: [Int]
  private var bytes: [UInt8] = []

  init(schema: ReadingSchema) {
    types = schema.metrics.map(\.type)
    presenceWordCount = schema.presenceWordsPerRow
    absentCounts = Array(repeating: 0, count: types.count)
    byteStringMetrics = types.indices.filter { [types] in types[$0].isByteString }
  }

  mutating func begin(rowCount: Int) {
    self.rowCount = rowCount
    words.removeAll(keepingCapacity: true)
    words.append(contentsOf: repeatElement(0, count: rowCount * types.count))
    presence.removeAll(keepingCapacity: true)
    presence.append(contentsOf: repeatElement(.max, count: bitmapWordCount * types.count))
    absentCounts = Array(repeating: 0, count: types.count)
    bytes.removeAll(keepingCapacity: true)
  }

  private var bitmapWordCount: Int { (rowCount + 63) / 64 }

  /// Takes `rows` of a batch into rows `first…` of the row group.
  mutating func gather(_ batch: borrowing ReadingBatch, rows: ArraySlice<UInt32>, at first: Int) {
    let metricCount = types.count
    var target = first
    for row in rows {
      let source = Int(row) &* metricCount
      for metric in 0..<metricCount {
        words[metric &* rowCount &+ target] = batch.metricWords[source &+ metric]
      }
      notePresence(batch.presenceWords, row: Int(row), target: target)
      target &+= 1
    }
    for metric in byteStringMetrics {
      takeBytes(batch.valueBytes, at: metric * rowCount + first, count: rows.count)
    }
  }

  /// Copies the bytes that words stand for, and makes the words stand for the copies.
  private mutating func takeBytes(_ source: [UInt8], at first: Int, count: Int) {
    for place in first..<first + count {
      let range = ReadingBatch.valueRange(of: words[place])
      words[place] = unsafe ReadingBatch.append(
        source.span.bytes.extracting(range), to: &bytes)
    }
  }

  private mutating func notePresence(_ presenceWords: [UInt64], row: Int, target: Int) {
    for word in 0..<presenceWordCount {
      let metrics = min(64, types.count &- word &* 64)
      let all = metrics == 64 ? UInt64.max : (1 << UInt64(metrics)) &- 1
      var missing = ~presenceWords[row &* presenceWordCount &+ word] & all
      while missing != 0 {
        let metric = word &* 64 &+ missing.trailingZeroBitCount
        presence[metric &* bitmapWordCount &+ (target >> 6)] &= ~(1 << UInt64(target & 63))
        absentCounts[metric] += 1
        missing &= missing &- 1
      }
    }
  }

  /// One metric's column of the row group.
  func column(_ metric: Int) -> (values: ColumnValues, validity: [UInt64]?) {
    let column = words[metric * rowCount..<(metric + 1) * rowCount]
    let validity =
      absentCounts[metric] == 0
      ? nil : Array(presence[metric * bitmapWordCount..<(metric + 1) * bitmapWordCount])
    if types[metric].isByteString { return (.byteStrings(byteStrings(column)), validity) }
    return (Self.values(column, types[metric]), validity)
  }

  /// The bytes of one column, back to back; those of absent rows are empty.
  private func byteStrings(_ words: ArraySlice<UInt64>) -> ByteStrings {
    var column: [UInt8] = []
    var starts = [0]
    starts.reserveCapacity(words.count + 1)
    for word in words {
      column.append(contentsOf: bytes[ReadingBatch.valueRange(of: word)])
      starts.append(column.count)
    }
    return ByteStrings(bytes: column, starts: starts)
  }

  private static func values(_ words: ArraySlice<UInt64>, _ type: MetricType) -> ColumnValues {
    switch type {
    case .double: return .double(words.map { Double(bitPattern: $0) })
    case .float: return .float(words.map { Float(Double(bitPattern: $0)) })
    case .int32: return .int32(words.map { Int32(truncatingIfNeeded: $0) })
    case .int64, .timestamp: return .int64(words.map { Int64(bitPattern: $0) })
    case .boolean: return .boolean(words.map { $0 != 0 })
    case .text, .bytes: preconditionFailure("a byte string is more than a word")
    }
  }
}
