/// Which windows of a block were changed after they had fired, and what they fire as next.
///
/// One entry for each such window, sorted by (end, window), until the window is dropped:
///
///     end 8 B · window index 4 B · unused 4 B · code[metrics] 4 B each, rounded up to 8
///
/// A code is 0 for a metric that was not changed late; else `(next revision + 1) << 1`, plus 1
/// while the change has not fired. Most devices have no entry and no memory here.
///
/// **Invariants:** entries ascend strictly by (end, window). Cost: a binary search to find one.
@safe
struct RevisionList: ~Copyable, @unchecked Sendable {  // because it alone owns its memory
  private var memory: UnsafeMutableRawPointer?
  private var storedCount: UInt32 = 0
  private var capacity: UInt32 = 0
  private let metricCount: UInt32

  init(metricCount: Int) {
    unsafe memory = nil
    self.metricCount = UInt32(metricCount)
  }

  deinit { unsafe memory?.deallocate() }

  var count: Int { Int(storedCount) }
  /// Bytes allocated apart from the struct.
  var byteCount: Int { Int(capacity) &* stride }

  private var stride: Int { 16 &+ (Int(metricCount) &+ 1) / 2 &* 8 }

  private func entry(_ index: Int) -> UnsafeMutableRawPointer {
    guard let memory = unsafe memory else { preconditionFailure("an empty list has no entries") }
    return unsafe memory + index &* stride
  }

  func end(_ index: Int) -> Int64 { unsafe entry(index).load(as: Int64.self) }

  func window(_ index: Int) -> Int {
    unsafe Int(entry(index).load(fromByteOffset: 8, as: UInt32.self))
  }

  private func codes(_ index: Int) -> UnsafeMutablePointer<UInt32> {
    unsafe (entry(index) + 16).assumingMemoryBound(to: UInt32.self)
  }

  func code(_ index: Int, metric: Int) -> UInt32 { unsafe codes(index)[metric] }

  func setCode(_ index: Int, metric: Int, _ code: UInt32) { unsafe codes(index)[metric] = code }

  /// Whether the metric was ever changed late in this window.
  func isKnown(_ index: Int, metric: Int) -> Bool { unsafe codes(index)[metric] != 0 }

  /// Whether a change of the metric waits to be fired.
  func isChanged(_ index: Int, metric: Int) -> Bool { unsafe codes(index)[metric] & 1 != 0 }

  /// Whether any change waits to be fired.
  func hasChanges(_ index: Int) -> Bool {
    (0..<Int(metricCount)).contains { isChanged(index, metric: $0) }
  }

  /// Notes a change. `nextRevision` counts only for a metric that was not known.
  func mark(_ index: Int, metric: Int, nextRevision: UInt32) {
    let code = unsafe codes(index)[metric]
    unsafe codes(index)[metric] = (code == 0 ? (nextRevision &+ 1) << 1 : code) | 1
  }

  /// The revision of the firing that is due, which is noted as fired.
  func takeRevision(_ index: Int, metric: Int) -> UInt32 {
    let code = unsafe codes(index)[metric]
    unsafe codes(index)[metric] = (code & ~1) &+ 2
    return (code >> 1) &- 1
  }

  /// Where the entry of a window is, or would have to be inserted.
  func position(end: Int64, window: Int) -> (index: Int, exists: Bool) {
    var (low, high) = (0, count)
    while low < high {
      let middle = (low &+ high) / 2
      if (self.end(middle), self.window(middle)) < (end, window) {
        low = middle &+ 1
      } else {
        high = middle
      }
    }
    let exists = low < count && self.end(low) == end && self.window(low) == window
    return (low, exists)
  }

  /// Adds an entry with all codes 0.
  mutating func insert(end: Int64, window: Int, at index: Int) {
    if storedCount == capacity { grow() }
    let place = unsafe entry(index)
    unsafe (place + stride).copyMemory(from: place, byteCount: (count &- index) &* stride)
    unsafe place.storeBytes(of: end, as: Int64.self)
    unsafe place.storeBytes(of: UInt64(window), toByteOffset: 8, as: UInt64.self)
    unsafe (place + 16).initializeMemory(as: UInt8.self, repeating: 0, count: stride &- 16)
    storedCount &+= 1
  }

  /// Drops the entries of windows with end ≤ D.
  mutating func drop(through droppedThrough: Int64) {
    var dropped = 0
    while dropped < count, end(dropped) <= droppedThrough { dropped &+= 1 }
    if dropped == 0 { return }
    if dropped == count {
      unsafe memory?.deallocate()
      unsafe memory = nil
      (storedCount, capacity) = (0, 0)
      return
    }
    unsafe entry(0).copyMemory(from: entry(dropped), byteCount: (count &- dropped) &* stride)
    storedCount &-= UInt32(dropped)
  }

  private mutating func grow() {
    let newCapacity = max(4, Int(capacity) &* 2)
    let newMemory = UnsafeMutableRawPointer.allocate(
      byteCount: newCapacity &* stride, alignment: 8)
    if let memory = unsafe memory {
      unsafe newMemory.copyMemory(from: memory, byteCount: count &* stride)
      unsafe memory.deallocate()
    }
    unsafe memory = unsafe newMemory
    capacity = UInt32(newCapacity)
  }

  // MARK: - State snapshot

  /// One entry as words, as it lies in memory.
  func appendWords(ofEntry index: Int, to words: inout [UInt64]) {
    for word in 0..<stride / 8 {
      words.append(unsafe entry(index).load(fromByteOffset: word &* 8, as: UInt64.self))
    }
  }

  var wordsPerEntry: Int { stride / 8 }

  /// Appends an entry read back, or returns false when it does not follow the last one.
  mutating func appendEntry(words: ArraySlice<UInt64>, windowCount: Int) -> Bool {
    let end = Int64(bitPattern: words[words.startIndex])
    let window = words[words.startIndex + 1]
    guard window < UInt64(windowCount), EventTime.isSafe(end) else { return false }
    if count > 0, (self.end(count - 1), self.window(count - 1)) >= (end, Int(window)) {
      return false
    }
    insert(end: end, window: Int(window), at: count)
    for (offset, word) in words.enumerated().dropFirst(2) {
      unsafe entry(count - 1).storeBytes(of: word, toByteOffset: offset * 8, as: UInt64.self)
    }
    return true
  }
}
