import Base

/// The slices of the metrics of one device that share a grid: one contiguous piece of memory.
///
///     levelCounts   how many slices each level has, finest first          4 B a level
///     starts        start of each slice, in time order                    8 B a slice
///     slots         which row holds each slice                            4 B a slice
///     lastSlots     which last row holds each slice from `lastFrom` on    4 B a slice there
///     rows          `SliceRow`s                                           16 + 40 n B a slice
///     lastRows      `LastRow`s                                            8 + 8 n B a slice there
///
/// Only slices with readings exist, so memory is bounded by the readings seen and a jump of years
/// costs nothing. Order of time is order of level: coarse slices come first, then finer ones.
///
/// `last` is needed only where a window may still end: of the slices that end at or before D, each
/// kept window that contains one contains all later ones too, so only the newest of them can bring
/// a window's last value. Older slices have no last row. Blocks with cells keep them all, because
/// there the newest slice of one metric is not that of another.
///
/// **Invariants:** starts ascend strictly; `slots` and `lastSlots` are permutations of all rows,
/// used ones before free ones; no slice is empty; the newest has a last row. Cost: a reading in the
/// newest slice touches the newest start and its two rows; anything else is a binary search. Memory
/// grows by a sixteenth at least, and shrinks when half of it is free.
@safe
struct SliceBlock: ~Copyable, @unchecked Sendable {  // because it alone owns its memory
  private var memory: UnsafeMutableRawPointer?
  private(set) var capacity: UInt32 = 0
  private(set) var lastCapacity: UInt32 = 0
  var storedCount: UInt32 = 0
  var storedLastFrom: UInt32 = 0
  private let storedMetricCount: UInt32
  /// Index into the grids of the partition.
  let grid: UInt16
  let levelCount: UInt8
  /// Whether every reading so far had every metric.
  private(set) var isUniform = true
  /// Index into `Vocabulary.metrics` of a narrow source; the group's number of a wide one.
  let metric: UInt32
  /// Windows that were changed after they had fired.
  var revisions: RevisionList
  /// The start of the finest slice all of whose windows are already marked as changed, for all
  /// metrics: a short cut only, `EventTime.none` at any time is correct.
  var markedStart = EventTime.none

  init(metricCount: Int, levelCount: Int, grid: Int, metric: UInt32) {
    unsafe memory = nil
    storedMetricCount = UInt32(metricCount)
    self.levelCount = UInt8(levelCount)
    self.grid = UInt16(grid)
    self.metric = metric
    revisions = RevisionList(metricCount: metricCount)
  }

  deinit { unsafe memory?.deallocate() }

  var metricCount: Int { Int(storedMetricCount) }
  /// Slices.
  var count: Int { Int(storedCount) }
  /// The first slice that has a last row; `count` where none has.
  var lastFrom: Int { Int(storedLastFrom) }
  var lastCount: Int { count &- lastFrom }

  /// Bytes allocated, the struct itself included.
  var byteCount: Int {
    MemoryLayout<SliceBlock>.stride + layout.byteCount + revisions.byteCount
  }

  // MARK: - Memory

  /// Where the parts of the memory begin, in bytes.
  struct Layout {
    let starts: Int
    let slots: Int
    let lastSlots: Int
    let rows: Int
    let lastRows: Int
    let byteCount: Int

    init(levelCount: Int, capacity: Int, lastCapacity: Int, metricCount: Int, isUniform: Bool) {
      let shape = RowShape(metricCount: metricCount, isUniform: isUniform)
      starts = (levelCount &+ 1) / 2 &* 8
      slots = starts &+ capacity &* 8
      lastSlots = slots &+ capacity &* 4
      rows = (lastSlots &+ lastCapacity &* 4 &+ 7) & ~7
      lastRows = rows &+ capacity &* shape.wordCount &* 8
      byteCount = capacity == 0 ? 0 : lastRows &+ lastCapacity &* shape.lastWordCount &* 8
    }
  }

  private var layout: Layout {
    Layout(
      levelCount: Int(levelCount), capacity: Int(capacity), lastCapacity: Int(lastCapacity),
      metricCount: metricCount, isUniform: isUniform)
  }

  private var base: UnsafeMutableRawPointer {
    guard let memory = unsafe memory else { preconditionFailure("an empty block has no memory") }
    return unsafe memory
  }
  var levelCounts: UnsafeMutablePointer<UInt32> {
    unsafe base.assumingMemoryBound(to: UInt32.self)
  }
  var starts: UnsafeMutablePointer<Int64> {
    unsafe (base + layout.starts).assumingMemoryBound(to: Int64.self)
  }
  var slots: UnsafeMutablePointer<UInt32> {
    unsafe (base + layout.slots).assumingMemoryBound(to: UInt32.self)
  }
  var lastSlots: UnsafeMutablePointer<UInt32> {
    unsafe (base + layout.lastSlots).assumingMemoryBound(to: UInt32.self)
  }

  /// The row in a slot.
  func slotRow(_ slot: UInt32) -> SliceRow {
    let wordCount = RowShape(metricCount: metricCount, isUniform: isUniform).wordCount
    let words = unsafe (base + layout.rows).assumingMemoryBound(to: Double.self)
    return unsafe SliceRow(
      words: words + Int(slot) &* wordCount, metricCount: metricCount, isUniform: isUniform)
  }

  func slotLastRow(_ slot: UInt32) -> LastRow {
    let wordCount = RowShape(metricCount: metricCount, isUniform: isUniform).lastWordCount
    let words = unsafe (base + layout.lastRows).assumingMemoryBound(to: Double.self)
    return unsafe LastRow(
      words: words + Int(slot) &* wordCount, metricCount: metricCount, isUniform: isUniform)
  }

  /// The row of a slice.
  func row(_ index: Int) -> SliceRow {
    precondition(UInt(bitPattern: index) < UInt(bitPattern: count), "no such slice")
    return unsafe slotRow(slots[index])
  }

  /// The last row of a slice from `lastFrom` on.
  func lastRow(_ index: Int) -> LastRow {
    precondition(index >= lastFrom && index < count, "the slice has no last row")
    return unsafe slotLastRow(lastSlots[index &- lastFrom])
  }

  /// The start of a slice.
  func start(_ index: Int) -> Int64 { unsafe starts[index] }

  /// How many slices a level has.
  func levelSliceCount(_ level: Int) -> Int { count == 0 ? 0 : unsafe Int(levelCounts[level]) }

  /// Moves everything into memory of another shape; rows come to lie in time order.
  mutating func reshape(capacity: Int, lastCapacity: Int, isUniform uniform: Bool) {
    let needed = uniform ? lastCount : count
    precondition(capacity >= count && lastCapacity >= needed, "a block never loses slices")
    var shaped = SliceBlock(
      metricCount: metricCount, levelCount: Int(levelCount), grid: Int(grid), metric: metric)
    shaped.allocate(
      capacity: capacity, lastCapacity: lastCapacity, count: count,
      lastFrom: uniform ? lastFrom : 0, isUniform: uniform)
    if count > 0 {
      unsafe shaped.levelCounts.update(from: levelCounts, count: Int(levelCount))
      unsafe shaped.starts.update(from: starts, count: count)
    }
    for index in 0..<count {
      if uniform == isUniform {
        unsafe shaped.row(index).copy(from: row(index))
      } else {
        unsafe shaped.row(index).spread(from: row(index))
      }
    }
    for index in shaped.lastFrom..<count {
      if index < lastFrom {
        unsafe shaped.lastRow(index).clear()
      } else if uniform == isUniform {
        unsafe shaped.lastRow(index).copy(from: lastRow(index))
      } else {
        unsafe shaped.lastRow(index).spread(from: lastRow(index))
      }
    }
    swapMemory(with: &shaped)
  }

  /// Gives an empty block its memory.
  mutating func allocate(
    capacity: Int, lastCapacity: Int, count: Int, lastFrom: Int, isUniform: Bool
  ) {
    self.capacity = UInt32(capacity)
    self.lastCapacity = UInt32(lastCapacity)
    self.isUniform = isUniform
    storedCount = UInt32(count)
    storedLastFrom = UInt32(lastFrom)
    unsafe memory = UnsafeMutableRawPointer.allocate(
      byteCount: max(layout.byteCount, 8), alignment: 8)
    unsafe levelCounts.initialize(repeating: 0, count: Int(levelCount))
    for index in 0..<capacity { unsafe slots[index] = UInt32(index) }
    for index in 0..<lastCapacity { unsafe lastSlots[index] = UInt32(index) }
  }

  mutating func swapMemory(with other: inout SliceBlock) {
    let (oldMemory, newMemory) = unsafe (memory, other.memory)
    unsafe memory = unsafe newMemory
    unsafe other.memory = unsafe oldMemory
    swap(&capacity, &other.capacity)
    swap(&lastCapacity, &other.lastCapacity)
    swap(&storedCount, &other.storedCount)
    swap(&storedLastFrom, &other.storedLastFrom)
    swap(&isUniform, &other.isUniform)
  }

  private static func grown(_ capacity: Int) -> Int { capacity + max(1, capacity / 16) }

  // MARK: - Slices

  /// The first slice whose start is at least `time`, among those from `lower` on.
  func firstIndex(startingAtOrAfter time: Int64, from lower: Int = 0) -> Int {
    var (low, high) = (lower, count)
    while low < high {
      let middle = (low &+ high) / 2
      if unsafe starts[middle] < time { low = middle &+ 1 } else { high = middle }
    }
    return low
  }

  /// The first slice of a level or of a finer one.
  func firstIndex(ofLevel level: Int) -> Int {
    if count == 0 { return 0 }
    var index = 0
    for coarser in level &+ 1..<max(Int(levelCount), level &+ 1) {
      index &+= unsafe Int(levelCounts[coarser])
    }
    return index
  }

  /// Whether `time` lies in the newest slice and that is one of level 0: the usual case.
  @inline(__always)
  func isInNewestSlice(_ time: Int64, width: Int64) -> Bool {
    guard storedCount > 0, unsafe levelCounts[0] > 0 else { return false }
    let start = unsafe starts[count &- 1]
    return time >= start && time &- start < width
  }

  /// Where the slice of `level` that starts at `start` is, or where it would have to be inserted.
  private func position(level: Int, start: Int64) -> (index: Int, exists: Bool) {
    let lower = firstIndex(ofLevel: level)
    let upper = lower &+ levelSliceCount(level)
    if upper > lower, unsafe starts[upper &- 1] < start { return (upper, false) }
    let index = firstIndex(startingAtOrAfter: start, from: lower)
    return unsafe (index, index < upper && starts[index] == start)
  }

  /// Makes room for a slice; its rows hold garbage.
  private mutating func insert(level: Int, start: Int64, at index: Int) {
    let hasLast = index >= lastFrom
    if storedCount == capacity || (hasLast && lastCount == Int(lastCapacity)) {
      reshape(
        capacity: storedCount == capacity ? Self.grown(count) : Int(capacity),
        lastCapacity: hasLast && lastCount == Int(lastCapacity)
          ? Self.grown(lastCount) : Int(lastCapacity),
        isUniform: isUniform)
    }
    let slot = unsafe slots[count]
    for position in stride(from: count, to: index, by: -1) {
      unsafe slots[position] = unsafe slots[position &- 1]
      unsafe starts[position] = unsafe starts[position &- 1]
    }
    unsafe slots[index] = slot
    unsafe starts[index] = start
    unsafe levelCounts[level] &+= 1
    if hasLast {
      let lastSlot = unsafe lastSlots[lastCount]
      for position in stride(from: lastCount, to: index &- lastFrom, by: -1) {
        unsafe lastSlots[position] = unsafe lastSlots[position &- 1]
      }
      unsafe lastSlots[index &- lastFrom] = lastSlot
    } else {
      storedLastFrom &+= 1
    }
    storedCount &+= 1
  }

  // MARK: - Readings

  /// Adds a reading that has every metric.
  mutating func add(values: UnsafePointer<Double>, time: Int64, level: Int, width: Int64) {
    precondition(isUniform, "a block of cells takes values one by one")
    var index = count &- 1
    if level != 0 || !isInNewestSlice(time, width: width) {
      let start = Timestamp.floor(time, toMultipleOf: width)
      let found = position(level: level, start: start)
      index = found.index
      if !found.exists {
        insert(level: level, start: start, at: index)
        unsafe row(index).start(values: values, time: time)
        if index >= lastFrom { unsafe setLast(values: values, time: time, index: index) }
        return
      }
    }
    unsafe row(index).add(values: values, time: time)
    if index >= lastFrom, unsafe time >= lastRow(index).times[0] {
      unsafe setLast(values: values, time: time, index: index)
    }
  }

  private func setLast(values: UnsafePointer<Double>, time: Int64, index: Int) {
    let last = unsafe lastRow(index)
    unsafe last.times[0] = time
    unsafe last.values.update(from: values, count: metricCount)
  }

  /// Adds those metrics of a reading that are valid, at least one.
  mutating func addCells(
    values: UnsafePointer<Double>, isValid: UnsafePointer<Bool>, time: Int64, level: Int,
    width: Int64
  ) {
    if isUniform { spreadToCells() }
    let start = Timestamp.floor(time, toMultipleOf: width)
    let (index, exists) = position(level: level, start: start)
    if !exists {
      insert(level: level, start: start, at: index)
      unsafe row(index).clear()
      unsafe lastRow(index).clear()
    }
    let (row, last) = unsafe (row(index), lastRow(index))
    for metric in 0..<metricCount where unsafe isValid[metric] {
      unsafe row.addCell(values[metric], time: time, metric: metric)
      if unsafe time >= last.times[metric] {
        unsafe last.times[metric] = time
        unsafe last.values[metric] = unsafe values[metric]
      }
    }
  }

  /// Goes over from uniform rows to cells, for as long as the block has slices.
  mutating func spreadToCells() {
    if count == 0 {
      var empty = SliceBlock(
        metricCount: metricCount, levelCount: Int(levelCount), grid: Int(grid), metric: metric)
      empty.isUniform = false
      swapMemory(with: &empty)
    } else {
      reshape(capacity: count, lastCapacity: count, isUniform: false)
    }
  }

  // MARK: - Memory latency

  /// Reads a word of each line of the directory that a reading in the newest slice needs.
  func touchDirectory() -> Int {
    if count == 0 { return 0 }
    let sum = unsafe Int(levelCounts[0]) &+ Int(truncatingIfNeeded: starts[count &- 1])
    return unsafe sum &+ Int(slots[count &- 1]) &+ Int(lastSlots[lastCount &- 1])
  }

  /// Reads a word of each line of the newest slice's rows.
  func touchNewestRows() -> Int {
    if count == 0 { return 0 }
    let shape = RowShape(metricCount: metricCount, isUniform: isUniform)
    let (row, last) = unsafe (row(count &- 1).counts, lastRow(count &- 1).times)
    var sum = 0
    for word in stride(from: 0, to: shape.wordCount, by: 8) {
      unsafe sum &+= Int(truncatingIfNeeded: row[word])
    }
    for word in stride(from: 0, to: shape.lastWordCount, by: 8) {
      unsafe sum &+= Int(truncatingIfNeeded: last[word])
    }
    return sum
  }
}
