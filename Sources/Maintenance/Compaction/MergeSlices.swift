/// Where a slice of a merge ends: rows of the same key are told apart by their row group.
struct SliceBound: Comparable, Sendable {
  var key: MergeKey
  var chunk: Int

  static let start = SliceBound(before: 0)
  static let end = SliceBound(
    key: MergeKey(rank: .max, first: .max, second: .max), chunk: .max)

  static func < (left: SliceBound, right: SliceBound) -> Bool {
    (left.key, left.chunk) < (right.key, right.chunk)
  }
}

extension SliceBound {
  /// Before every row of a rank.
  init(before rank: UInt32) {
    self.init(key: MergeKey(rank: rank, first: .min, second: .min), chunk: 0)
  }
}

/// What is written one after the other: row groups as they are, and row groups merged.
enum MergeSegment: Equatable, Sendable {
  /// Number of the row group.
  case copied(Int)
  /// Numbers of the row groups, in the order in which they came into the table.
  case merged([Int])

  /// Rows from which on a row group is worth keeping as it is: half of one of ours.
  static let copyRowCountMin = RowMerge.rowGroupRowCountMax / 2
  /// Or bytes.
  static let copyByteCountMin = 8 << 20

  /// A row group is copied where it is large, its rows are in order, and no other one has rows
  /// between its first and its last.
  /// - Parameter canCopy: of each row group whether its pages may stand in the new file.
  static func plan(_ chunks: [MergeChunk], canCopy: (MergeChunk) -> Bool) -> [MergeSegment] {
    let ascending = chunks.indices.sorted {
      (chunks[$0].low, chunks[$0].high, $0) < (chunks[$1].low, chunks[$1].high, $1)
    }
    var segments: [MergeSegment] = []
    var open: [Int] = []
    var highest: MergeKey?
    for (place, number) in ascending.enumerated() {
      let chunk = chunks[number]
      let isLarge = chunk.rowCount >= copyRowCountMin || chunk.byteCount >= copyByteCountMin
      let isBehindAll = highest.map { $0 <= chunk.low } ?? true
      let isBeforeAll =
        place + 1 == ascending.count || chunk.high <= chunks[ascending[place + 1]].low
      highest = max(highest ?? chunk.high, chunk.high)
      if isLarge, chunk.isSorted, isBehindAll, isBeforeAll, canCopy(chunk) {
        if !open.isEmpty { segments.append(.merged(open.sorted())) }
        open = []
        segments.append(.copied(number))
      } else {
        open.append(number)
      }
    }
    if !open.isEmpty { segments.append(.merged(open.sorted())) }
    return segments
  }
}

extension MergeSurvey {
  /// Ends of slices of these row groups, of which each takes about `byteCountMax` in memory at
  /// most; the last is `.end`. A slice is bounded however many rows one text has, and however many
  /// of these have one time.
  mutating func slices(
    _ numbers: [Int], byteCountMax: Int, _ pace: MaintenancePace
  ) throws(MaintenanceFault) -> [SliceBound] {
    let total = numbers.reduce(0) { $0 + chunks[$1].rowCount * chunks[$1].rowByteCount }
    if total <= byteCountMax { return [.end] }
    let low = numbers.map { Int(chunks[$0].low.rank) }.min() ?? 0
    let high = numbers.map { Int(chunks[$0].high.rank) }.max() ?? 0
    var bounds: [SliceBound] = []
    var byteCount = 0
    for rank in low...high {
      let own = rankByteCounts[rank]
      if byteCount + own > byteCountMax, byteCount > 0 {
        bounds.append(SliceBound(before: UInt32(rank)))
        byteCount = 0
      }
      if own > byteCountMax {
        bounds += try cuts(within: UInt32(rank), numbers, byteCountMax, pace)
        bounds.append(SliceBound(before: UInt32(rank) + 1))
      } else {
        byteCount += own
      }
    }
    bounds.append(.end)
    return bounds
  }

  /// Cuts the rows of one rank by their integers, by samples that stand for as many bytes
  /// each.
  private mutating func cuts(
    within rank: UInt32, _ numbers: [Int], _ byteCountMax: Int, _ pace: MaintenancePace
  ) throws(MaintenanceFault) -> [SliceBound] {
    let step = max(1, byteCountMax / 4096)
    var samples: [(bound: SliceBound, byteCount: Int)] = []
    for number in numbers {
      let chunk = chunks[number]
      if chunk.high.rank < rank || chunk.low.rank > rank { continue }
      let keys = try rankedKeys(chunk, pace)
      var byteCount = 0
      for row in keys.words.indices where keys.words[row] == rank {
        byteCount += chunk.rowByteCount
        if byteCount < step { continue }
        let bound = SliceBound(key: keys.key(row), chunk: number)
        samples.append((bound, byteCount))
        byteCount = 0
      }
    }
    samples.sort { $0.bound < $1.bound }
    var bounds: [SliceBound] = []
    var byteCount = 0
    for sample in samples {
      if byteCount + sample.byteCount > byteCountMax, byteCount > 0,
        sample.bound > bounds.last ?? SliceBound(before: rank)
      {
        bounds.append(sample.bound)
        byteCount = 0
      }
      byteCount += sample.byteCount
    }
    return bounds
  }
}
