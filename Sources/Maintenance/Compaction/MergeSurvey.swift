import Parquet
import Telemetry

/// By what rows are sorted, as numbers: see `TableLayout.Order`.
struct MergeKey: Comparable, Sendable {
  /// Place of the text among all texts of the merge in byte order, from 1; 0 where there is none.
  var rank: UInt32
  /// `Int64.min` where there is none.
  var first: Int64
  var second: Int64

  static func < (left: MergeKey, right: MergeKey) -> Bool {
    (left.rank, left.first, left.second) < (right.rank, right.first, right.second)
  }
}

/// One row group that is merged.
struct MergeChunk: Sendable {
  let input: Int
  let rowGroup: Int
  let rowCount: Int
  /// In the file.
  let byteCount: Int
  /// Bytes that one of its rows takes in memory, on average and rather too many.
  let rowByteCount: Int
  var low: MergeKey
  var high: MergeKey
  /// Whether its rows are in order.
  let isSorted: Bool
}

/// The keys of one row group, the text as its number in the merge's word table.
struct ChunkKeys {
  var words: [UInt32]
  var first: [Int64]
  var second: [Int64]

  /// Of a row; its text as whatever `words` holds.
  func key(_ row: Int) -> MergeKey {
    MergeKey(rank: words[row], first: first[row], second: second[row])
  }
}

/// What is known of the files of a merge before rows are moved: the keys of all their row groups.
///
/// Cost: two or three columns of every file are decoded. Memory: the texts that occur, and some
/// bytes a row group.
struct MergeSurvey {
  let inputs: [MergeInput]
  let layout: TableLayout
  private(set) var chunks: [MergeChunk] = []
  private var words = WordTable()
  /// By word.
  private var ranks: [UInt32] = []
  /// Bytes that the rows of a rank take in memory.
  private(set) var rankByteCounts: [Int] = []

  init(
    _ inputs: [MergeInput], layout: TableLayout, pace: MaintenancePace
  ) throws(MaintenanceFault) {
    self.inputs = inputs
    self.layout = layout
    /// By word plus one; first rows without a word.
    var byteCounts = [0]
    for (number, input) in inputs.enumerated() {
      for rowGroup in input.rowGroups.indices where input.rowGroups[rowGroup].rowCount > 0 {
        try survey(number, rowGroup, &byteCounts, pace)
      }
    }
    rank(byteCounts)
  }

  private mutating func survey(
    _ input: Int, _ rowGroup: Int, _ byteCounts: inout [Int], _ pace: MaintenancePace
  ) throws(MaintenanceFault) {
    let group = inputs[input].rowGroups[rowGroup]
    let texts = inputs[input].textByteCount(layout, rowGroup: rowGroup)
    let rowByteCount = layout.rowByteCount + texts / group.rowCount
    let keys = try internedKeys(input, rowGroup, group.rowCount, pace)
    while byteCounts.count <= words.count { byteCounts.append(0) }
    // `none` plus one is 0.
    for word in keys.words { byteCounts[Int(word &+ 1)] += rowByteCount }
    var (low, high, isSorted) = (0, 0, true)
    for row in keys.words.indices.dropFirst() {
      if precedes(row, row - 1, keys) {
        isSorted = false
        if precedes(row, low, keys) { low = row }
      } else if precedes(high, row, keys) {
        high = row
      }
    }
    chunks.append(
      MergeChunk(
        input: input, rowGroup: rowGroup, rowCount: group.rowCount,
        byteCount: group.compressedByteCount, rowByteCount: rowByteCount,
        low: keys.key(low), high: keys.key(high), isSorted: isSorted))
  }

  private func precedes(_ left: Int, _ right: Int, _ keys: ChunkKeys) -> Bool {
    let (leftWord, rightWord) = (keys.words[left], keys.words[right])
    if leftWord != rightWord {
      if leftWord == WordTable.none || rightWord == WordTable.none {
        return leftWord == WordTable.none
      }
      return words.bytes(of: leftWord).lexicographicallyPrecedes(words.bytes(of: rightWord))
    }
    return (keys.first[left], keys.second[left]) < (keys.first[right], keys.second[right])
  }

  private mutating func rank(_ byteCounts: [Int]) {
    ranks = Array(repeating: 0, count: words.count)
    rankByteCounts = [byteCounts[0]]
    for (place, word) in words.indexesInByteOrder().enumerated() {
      ranks[Int(word)] = UInt32(place + 1)
      rankByteCounts.append(byteCounts[Int(word) + 1])
    }
    for index in chunks.indices {
      chunks[index].low.rank = rank(of: chunks[index].low.rank)
      chunks[index].high.rank = rank(of: chunks[index].high.rank)
    }
  }

  private func rank(of word: UInt32) -> UInt32 { word == WordTable.none ? 0 : ranks[Int(word)] }

  // MARK: - Keys

  /// The keys of a row group, its texts as ranks.
  mutating func rankedKeys(
    _ chunk: MergeChunk, _ pace: MaintenancePace
  ) throws(MaintenanceFault) -> ChunkKeys {
    var keys = try internedKeys(chunk.input, chunk.rowGroup, chunk.rowCount, pace)
    for row in keys.words.indices { keys.words[row] = rank(of: keys.words[row]) }
    return keys
  }

  private mutating func internedKeys(
    _ input: Int, _ rowGroup: Int, _ rowCount: Int, _ pace: MaintenancePace
  ) throws(MaintenanceFault) -> ChunkKeys {
    let order = layout.order
    var keys = ChunkKeys(
      words: Array(repeating: WordTable.none, count: rowCount),
      first: try integers(order.first, input, rowGroup, rowCount, pace),
      second: try integers(order.second, input, rowGroup, rowCount, pace))
    guard let text = order.text,
      let values = try inputs[input].column(text, rowGroup: rowGroup, pace)
    else { return keys }
    let column = WordColumn(values)
    var own = [UInt32](repeating: WordTable.none, count: column.wordCount)
    for row in 0..<rowCount {
      guard let word = column.word(row) else { continue }
      if own[word] == WordTable.none {
        let bytes = column.bytes(word)
        own[word] = unsafe words.intern(bytes.span.bytes)
      }
      keys.words[row] = own[word]
    }
    return keys
  }

  private func integers(
    _ column: Int?, _ input: Int, _ rowGroup: Int, _ rowCount: Int, _ pace: MaintenancePace
  ) throws(MaintenanceFault) -> [Int64] {
    guard let column else { return Array(repeating: 0, count: rowCount) }
    guard let values = try inputs[input].column(column, rowGroup: rowGroup, pace) else {
      return Array(repeating: .min, count: rowCount)
    }
    var result: [Int64]
    switch values.values {
    case .int64(let integers): result = integers
    case .int32(let integers): result = integers.map { Int64($0) }
    case .constantInteger(let value): result = Array(repeating: value, count: rowCount)
    default: preconditionFailure("a column of integers is read as integers")
    }
    if let validity = values.validity {
      for row in 0..<rowCount where validity[row >> 6] >> UInt64(row & 63) & 1 == 0 {
        result[row] = .min
      }
    }
    return result
  }
}
