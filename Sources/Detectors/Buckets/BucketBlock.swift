import Base

/// Open buckets of one length of one device (wide source) or one series (narrow source), and the
/// judges of its series: one contiguous piece of memory.
///
///     judges        `SeriesJudge`s                            88 B a series and definition
///     buckets       in time order, each: start, readings that brought every column (8 B each),
///                   a sum a column (8 B), readings a column of the others (4 B)
///
/// Sums grow reading by reading in offset order, so a mean is the same wherever batches were cut.
/// Only buckets with readings exist. At rest a device has at most `outOfOrderness / every + 2`; one
/// record may bring many more, and there are never more than `openCountMax`.
///
/// **Invariants:** starts ascend strictly and are multiples of `every`. Cost: a reading of the
/// newest bucket touches that bucket's memory alone; another one is a binary search.
@safe
struct BucketBlock: ~Copyable, @unchecked Sendable {  // because it alone owns its memory
  /// More buckets than this are not kept open: the oldest is judged before its time.
  static let openCountMax = 1024
  /// Buckets that are kept room for.
  private static let restCapacity = 2

  private var memory: UnsafeMutableRawPointer?
  private var storedCount: UInt32 = 0
  private var capacity: UInt32 = 0
  private let storedColumnCount: UInt32
  private let storedJudgeCount: UInt32
  /// The end of the newest bucket that was judged before its time; `EventTime.none` mostly.
  var judgedThrough = EventTime.none

  init(columnCount: Int, judgeCount: Int) {
    unsafe memory = nil
    storedColumnCount = UInt32(columnCount)
    storedJudgeCount = UInt32(judgeCount)
  }

  deinit { unsafe memory?.deallocate() }

  var count: Int { Int(storedCount) }
  var columnCount: Int { Int(storedColumnCount) }
  var judgeCount: Int { Int(storedJudgeCount) }

  /// Bytes of a block with room for so many buckets, the struct included.
  static func byteCount(columnCount: Int, judgeCount: Int, capacity: Int) -> Int {
    MemoryLayout<BucketBlock>.stride + judgeCount * MemoryLayout<SeriesJudge>.stride
      + capacity * rowByteCount(columnCount: columnCount)
  }

  var byteCount: Int {
    if unsafe memory == nil { return MemoryLayout<BucketBlock>.stride }
    return Self.byteCount(
      columnCount: columnCount, judgeCount: judgeCount, capacity: Int(capacity))
  }

  // MARK: - Memory

  private static func rowByteCount(columnCount: Int) -> Int {
    16 &+ columnCount &* 8 &+ (columnCount &+ 1) / 2 &* 8
  }

  private var rowByteCount: Int { Self.rowByteCount(columnCount: columnCount) }

  private var judgesByteCount: Int { judgeCount &* MemoryLayout<SeriesJudge>.stride }

  private var base: UnsafeMutableRawPointer {
    guard let memory = unsafe memory else { preconditionFailure("an empty block has no memory") }
    return unsafe memory
  }

  private func row(_ index: Int) -> UnsafeMutableRawPointer {
    unsafe base + (judgesByteCount &+ index &* rowByteCount)
  }

  private func sums(_ index: Int) -> UnsafeMutablePointer<Double> {
    unsafe (row(index) + 16).assumingMemoryBound(to: Double.self)
  }

  private func counts(_ index: Int) -> UnsafeMutablePointer<UInt32> {
    unsafe (row(index) + (16 &+ columnCount &* 8)).assumingMemoryBound(to: UInt32.self)
  }

  private func check(_ index: Int) {
    precondition(UInt(bitPattern: index) < UInt(bitPattern: count), "no such bucket")
  }

  /// Gives the block room for so many buckets; new judges have heard nothing.
  private mutating func reserve(_ newCapacity: Int) {
    let size = judgesByteCount &+ newCapacity &* rowByteCount
    let moved = UnsafeMutableRawPointer.allocate(byteCount: max(size, 8), alignment: 8)
    if let old = unsafe memory {
      unsafe moved.copyMemory(from: old, byteCount: judgesByteCount &+ count &* rowByteCount)
      unsafe old.deallocate()
    } else {
      unsafe moved.bindMemory(to: SeriesJudge.self, capacity: judgeCount)
        .initialize(repeating: SeriesJudge(), count: judgeCount)
    }
    unsafe memory = unsafe moved
    capacity = UInt32(newCapacity)
  }

  // MARK: - Buckets

  /// The start of a bucket.
  func start(_ index: Int) -> Int64 {
    check(index)
    return unsafe row(index).load(as: Int64.self)
  }

  /// Whether `time` lies in the newest bucket: the usual case.
  @inline(__always)
  func isInNewest(_ time: Int64, every: Int64) -> Bool {
    guard storedCount > 0 else { return false }
    let start = unsafe row(count &- 1).load(as: Int64.self)
    return time >= start && time &- start < every
  }

  /// Where the bucket that starts at `start` is, or where it would have to be inserted.
  func find(start: Int64) -> (index: Int, exists: Bool) {
    var (low, high) = (0, count)
    while low < high {
      let middle = (low &+ high) / 2
      let isBefore = unsafe row(middle).load(as: Int64.self) < start
      if isBefore { low = middle &+ 1 } else { high = middle }
    }
    return unsafe (low, low < count && row(low).load(as: Int64.self) == start)
  }

  /// Makes an empty bucket.
  mutating func insert(start: Int64, at index: Int) {
    precondition(count < Self.openCountMax && index <= count, "the oldest is judged before")
    if storedCount == capacity {
      reserve(capacity == 0 ? Self.restCapacity : Int(capacity) * 2)
    }
    unsafe row(index &+ 1).copyMemory(
      from: row(index), byteCount: (count &- index) &* rowByteCount)
    unsafe row(index).initializeMemory(as: UInt8.self, repeating: 0, count: rowByteCount)
    unsafe row(index).storeBytes(of: start, as: Int64.self)
    storedCount &+= 1
  }

  /// Gives up the oldest bucket; memory shrinks back after a record that brought many.
  mutating func removeOldest() {
    check(0)
    unsafe row(0).copyMemory(from: row(1), byteCount: (count &- 1) &* rowByteCount)
    storedCount &-= 1
    if Int(capacity) > 4 * Self.restCapacity, count * 4 <= Int(capacity) {
      reserve(max(count * 2, Self.restCapacity))
    }
  }

  /// Adds the values of a row that has all columns of the grid.
  @inline(__always)
  func addWhole(_ values: borrowing RowValues, places: [Int], to index: Int, isWhole: Bool) {
    check(index)
    unsafe (row(index) + 8).assumingMemoryBound(to: Int64.self).pointee &+= 1
    if isWhole {
      unsafe add(values.memory, to: sums(index), count: columnCount)
    } else {
      let sums = unsafe sums(index)
      for column in 0..<columnCount { unsafe sums[column] += values[places[column]] }
    }
  }

  /// Adds those values that are there.
  func addPresent(_ values: borrowing RowValues, places: [Int], to index: Int) {
    check(index)
    let (sums, counts) = unsafe (sums(index), counts(index))
    for column in 0..<columnCount {
      let value = values[places[column]]
      if value.isNaN { continue }
      unsafe sums[column] += value
      unsafe counts[column] &+= 1
    }
  }

  /// The mean of a column's readings in the oldest bucket; nil where there are none, or where they
  /// are so large that their sum is not finite.
  func meanInOldest(column: Int) -> Double? {
    check(0)
    precondition(UInt(bitPattern: column) < UInt(bitPattern: columnCount), "no such column")
    let whole = unsafe row(0).load(fromByteOffset: 8, as: Int64.self)
    let readingCount = unsafe whole &+ Int64(counts(0)[column])
    if readingCount <= 0 { return nil }
    let mean = unsafe sums(0)[column] / Double(readingCount)
    return mean.isFinite ? mean : nil
  }

  // MARK: - Judges

  /// Judges a value.
  mutating func judge(
    _ index: Int, value: Double, bucketStart: Int64, plan: JudgePlan
  ) -> Judgement {
    precondition(UInt(bitPattern: index) < UInt(bitPattern: judgeCount), "no such judge")
    return unsafe judges[index].judge(value: value, bucketStart: bucketStart, plan: plan)
  }

  /// What a judge knows; nil while the block has heard nothing.
  func judge(_ index: Int) -> SeriesJudge? {
    precondition(UInt(bitPattern: index) < UInt(bitPattern: judgeCount), "no such judge")
    return unsafe memory == nil ? nil : unsafe judges[index]
  }

  /// Tells a judge that its anomaly did not open.
  mutating func refuse(_ index: Int) {
    precondition(UInt(bitPattern: index) < UInt(bitPattern: judgeCount), "no such judge")
    unsafe judges[index].refuse()
  }

  private var judges: UnsafeMutablePointer<SeriesJudge> {
    unsafe base.assumingMemoryBound(to: SeriesJudge.self)
  }

  // MARK: - Memory latency

  /// Reads a word of each line that a reading of the newest bucket writes.
  func touch() -> Int {
    if storedCount == 0 { return 0 }
    var sum = 0
    let newest = unsafe row(count &- 1)
    for byte in stride(from: 0, to: 16 &+ columnCount &* 8, by: 64) {
      unsafe sum &+= newest.load(fromByteOffset: byte, as: Int.self)
    }
    return sum
  }
}

// MARK: - Other definitions, and bytes

extension BucketBlock {
  /// Takes over what `old` knows of the same buckets: `columns` and `judges` pair an index here
  /// with one there.
  mutating func takeOver(
    from old: borrowing BucketBlock, columns: [(own: Int, old: Int)], judges: [(own: Int, old: Int)]
  ) {
    judgedThrough = old.judgedThrough
    if unsafe old.memory == nil { return }
    reserve(max(old.count, Self.restCapacity))
    for (own, other) in judges { unsafe self.judges[own] = unsafe old.judges[other] }
    if columns.isEmpty { return }
    for index in 0..<old.count {
      insert(start: old.start(index), at: index)
      let whole = unsafe old.row(index).load(fromByteOffset: 8, as: Int64.self)
      for (own, other) in columns {
        unsafe sums(index)[own] = unsafe old.sums(index)[other]
        unsafe counts(index)[own] =
          unsafe UInt32(truncatingIfNeeded: whole &+ Int64(old.counts(index)[other]))
      }
    }
  }

  /// Appends buckets and judges, every number bit for bit.
  func encode(into writer: inout ByteWriter) {
    writer.append(littleEndian: judgedThrough)
    writer.append(unsafe memory == nil ? 0 as UInt8 : 1)
    if unsafe memory == nil { return }
    for index in 0..<judgeCount { unsafe judges[index].encode(into: &writer) }
    writer.append(varint: UInt64(count))
    var words: [UInt64] = []
    for index in 0..<count {
      for byte in stride(from: 0, to: rowByteCount, by: 8) {
        words.append(unsafe row(index).load(fromByteOffset: byte, as: UInt64.self))
      }
    }
    writer.append(memoryOf: words)
  }

  /// Reads back what `encode` wrote into an empty block. `watermark` is the device's: what is
  /// judged lies before it, what is open behind, so that no bytes make a bucket be judged twice.
  mutating func decode(
    from reader: inout ByteReader, every: Int64, watermark: Int64
  ) throws(ByteReaderError) {
    judgedThrough = try reader.read(Int64.self)
    guard judgedThrough == EventTime.none || EventTime.isSafe(judgedThrough) else {
      throw .malformed(filePosition: reader.filePosition)
    }
    if try reader.readByte() == 0 { return }
    var saved: [SeriesJudge] = []
    let judgedEnd = max(judgedThrough, watermark)
    for _ in 0..<judgeCount {
      let judge = try SeriesJudge(from: &reader)
      let last = judge.lastBucket
      guard last == EventTime.none || EventTime.isSafe(last) && last + every <= judgedEnd else {
        throw .malformed(filePosition: reader.filePosition)
      }
      saved.append(judge)
    }
    let rowCount = try reader.readCount(elementByteCount: rowByteCount)
    let words = try reader.readMemory(of: UInt64.self, count: rowCount * rowByteCount / 8)
    guard rowCount <= Self.openCountMax else {
      throw .malformed(filePosition: reader.filePosition)
    }
    reserve(max(rowCount, Self.restCapacity))
    for index in 0..<judgeCount { unsafe judges[index] = saved[index] }
    for index in 0..<rowCount {
      for word in 0..<rowByteCount / 8 {
        unsafe row(index).storeBytes(
          of: words[index * rowByteCount / 8 + word], toByteOffset: word * 8, as: UInt64.self)
      }
    }
    storedCount = UInt32(rowCount)
    for index in 0..<rowCount {
      let start = start(index)
      guard EventTime.isSafe(start), start % every == 0, start + every > judgedEnd,
        index == 0 || self.start(index - 1) < start
      else { throw .malformed(filePosition: reader.filePosition) }
    }
  }
}

// MARK: - Hot loops

private func add(
  _ values: UnsafeMutablePointer<Double>, to sums: UnsafeMutablePointer<Double>, count: Int
) {
  for column in 0..<count { unsafe sums[column] += unsafe values[column] }
}
