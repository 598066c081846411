import Base
import Parquet
import Storage

/// A file that came of a merge: written, synced and closed; its folder is not synced yet.
struct MergedFile {
  let path: String
  let byteCount: Int64
  let checksum: UInt64
  let summary: ParquetFileSummary
  /// Bytes of row groups that were taken over as they are.
  let copiedByteCount: Int64
}

/// Merges files of one table and date into one file, whose rows are in the table's order.
///
/// A survey reads the keys of all rows. Row groups that are large, in order and by themselves are
/// copied as they are. The others are merged slice by slice: a stretch of keys whose rows fit the
/// memory; of each file the rows of the slice are put in their places column by column. Files of a
/// single row group are so read once a slice, which costs a tenth of writing them, and nothing is
/// ever written twice.
///
/// **Memory:** a slice (128 MiB decoded, and 28 bytes a row for its keys), one decoded column of
/// one row group, the texts of the first sort column, and the footers of the files: whatever the
/// sizes and however many files.
struct RowMerge {
  /// Rows of a row group: enough for a scan to go at full speed, few enough that a query for one
  /// device out of many decodes little. A file of 256 MiB has some 40 of them, each with its own
  /// stretch of devices.
  static let rowGroupRowCountMax = 1 << 18
  /// Bytes of binary values of a row group, as letters have them; a single value may exceed it.
  static let rowGroupByteCountMax = 32 << 20
  static let sliceByteCountMax = 128 << 20

  private let inputs: [MergeInput]
  private let layout: TableLayout
  private let pace: MaintenancePace
  private let sliceByteCountMax: Int
  private var survey: MergeSurvey

  /// - Parameter inputs: in the order in which they came into the table.
  init(
    _ inputs: [MergeInput], layout: TableLayout, pace: MaintenancePace,
    sliceByteCountMax: Int = Self.sliceByteCountMax
  ) throws(MaintenanceFault) {
    self.inputs = inputs
    self.layout = layout
    self.pace = pace
    self.sliceByteCountMax = sliceByteCountMax
    survey = try MergeSurvey(inputs, layout: layout, pace: pace)
  }

  var rowCount: Int { inputs.reduce(0) { $0 + $1.rowCount } }

  /// Writes the file. After an error there is none.
  mutating func write(
    _ path: String, in storage: any Storage, options: ParquetWriterOptions
  ) throws(MaintenanceFault) -> MergedFile {
    var options = options
    // As the committer writes letters: bytes that stand twice in a row group are written once.
    if !layout.binaryColumns.isEmpty {
      options.dictionaryByteCountMax = 2 * Self.rowGroupByteCountMax
    }
    let schema = layout.schema
    let canCopy = inputs.map { $0.canCopy(into: schema) }
    let segments = MergeSegment.plan(survey.chunks) { canCopy[$0.input] }
    var output = try MergeOutput(path, in: storage, schema: schema, options: options, pace)
    for segment in segments {
      switch segment {
      case .copied(let number):
        let chunk = survey.chunks[number]
        try output.copy(chunk.rowGroup, of: inputs[chunk.input])
      case .merged(let numbers):
        var lower = SliceBound.start
        for upper in try survey.slices(numbers, byteCountMax: sliceByteCountMax, pace) {
          try merge(numbers, lower..<upper, &output)
          lower = upper
        }
      }
    }
    return try output.finish()
  }

  // MARK: - One slice

  /// Rows of one row group that lie in a slice.
  private struct Part {
    let chunk: Int
    /// Nil for all.
    let rows: [UInt32]?
    /// Of the slice's rows as they are read.
    let entries: Range<Int>
  }

  private mutating func merge(
    _ numbers: [Int], _ bounds: Range<SliceBound>, _ output: inout MergeOutput
  ) throws(MaintenanceFault) {
    var parts: [Part] = []
    var keys = ChunkKeys(words: [], first: [], second: [])
    for number in numbers {
      if let part = try select(number, bounds, &keys) { parts.append(part) }
    }
    if keys.words.isEmpty { return }
    let places = RowOrder.places(keys)
    keys = ChunkKeys(words: [], first: [], second: [])
    var columns: [OrderedColumn] = []
    for column in layout.columns.indices {
      var ordered = OrderedColumn(layout.columns[column].parquetType, rowCount: places.count)
      for part in parts {
        let chunk = survey.chunks[part.chunk]
        guard let values = try inputs[chunk.input].column(column, rowGroup: chunk.rowGroup, pace)
        else { continue }
        ordered.put(values, rows: part.rows, at: places[part.entries])
      }
      ordered.seal()
      columns.append(ordered)
    }
    try write(columns, rowCount: places.count, &output)
  }

  private mutating func select(
    _ number: Int, _ bounds: Range<SliceBound>, _ keys: inout ChunkKeys
  ) throws(MaintenanceFault) -> Part? {
    let chunk = survey.chunks[number]
    if SliceBound(key: chunk.high, chunk: number) < bounds.lowerBound
      || SliceBound(key: chunk.low, chunk: number) >= bounds.upperBound
    {
      return nil
    }
    let own = try survey.rankedKeys(chunk, pace)
    let start = keys.words.count
    if bounds.lowerBound == .start, bounds.upperBound == .end {
      keys.words += own.words
      keys.first += own.first
      keys.second += own.second
      return Part(chunk: number, rows: nil, entries: start..<keys.words.count)
    }
    var rows: [UInt32] = []
    for row in own.words.indices {
      if !bounds.contains(SliceBound(key: own.key(row), chunk: number)) { continue }
      rows.append(UInt32(row))
      keys.words.append(own.words[row])
      keys.first.append(own.first[row])
      keys.second.append(own.second[row])
    }
    return rows.isEmpty ? nil : Part(chunk: number, rows: rows, entries: start..<keys.words.count)
  }

  /// Writes a slice as row groups of about the same size.
  private func write(
    _ columns: [OrderedColumn], rowCount: Int, _ output: inout MergeOutput
  ) throws(MaintenanceFault) {
    let groupCount = (rowCount + Self.rowGroupRowCountMax - 1) / Self.rowGroupRowCountMax
    let share = (rowCount + groupCount - 1) / groupCount
    let binary = layout.binaryColumns
    var first = 0
    while first < rowCount {
      var end = min(rowCount, first + share)
      if !binary.isEmpty {
        var byteCount = 0
        for row in first..<end {
          for column in binary { byteCount += columns[column].wordByteCount(row) }
          if byteCount > Self.rowGroupByteCountMax, row > first {
            end = row
            break
          }
        }
      }
      try output.write(columns, rows: first..<end)
      first = end
    }
  }
}

/// The order of rows by their keys.
enum RowOrder {
  /// Of each row its place: a counting sort by text, then by the integers where rows of one text
  /// are not in order already. Rows that are equal stay in the order they come in.
  ///
  /// Cost: O(rows) where files are in order and follow each other in time, as ours do.
  static func places(_ keys: ChunkKeys) -> [UInt32] {
    let count = keys.words.count
    guard let low = keys.words.min(), let high = keys.words.max() else { return [] }
    var starts = [Int](repeating: 0, count: Int(high - low) + 2)
    for word in keys.words { starts[Int(word - low) + 1] += 1 }
    for index in starts.indices.dropFirst() { starts[index] += starts[index - 1] }
    var order = [UInt32](repeating: 0, count: count)
    var next = starts
    for (entry, word) in keys.words.enumerated() {
      let bucket = Int(word - low)
      order[next[bucket]] = UInt32(entry)
      next[bucket] += 1
    }
    for bucket in 0..<starts.count - 1 {
      sort(&order, starts[bucket]..<starts[bucket + 1], keys)
    }
    var places = [UInt32](repeating: 0, count: count)
    for (place, entry) in order.enumerated() { places[Int(entry)] = UInt32(place) }
    return places
  }

  private static func sort(_ order: inout [UInt32], _ range: Range<Int>, _ keys: ChunkKeys) {
    func precedes(_ left: UInt32, _ right: UInt32) -> Bool {
      let (leftFirst, rightFirst) = (keys.first[Int(left)], keys.first[Int(right)])
      if leftFirst != rightFirst { return leftFirst < rightFirst }
      let (leftSecond, rightSecond) = (keys.second[Int(left)], keys.second[Int(right)])
      return leftSecond != rightSecond ? leftSecond < rightSecond : left < right
    }
    var isOrdered = true
    for index in range.dropFirst() where precedes(order[index], order[index - 1]) {
      isOrdered = false
      break
    }
    if !isOrdered { order[range].sort(by: precedes) }
  }
}
