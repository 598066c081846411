import CProtobufC
import Glibc

/// The memory libprotobuf-c unpacks one record into: a bump pointer over a few chunks, emptied as a
/// whole before the next record.
///
///     chunk 0 (kept)        chunk 1 …             (one malloc each, twice as large each time)
///     [used........|free]   [used......|free]
///                   ^ next                ^ end of the newest chunk
///
/// After a record that needed several chunks, one chunk as large as all of them is kept instead (up
/// to `keptByteCountMax`), so that a steady stream allocates nothing; what one huge record took
/// beyond that goes back to the system.
///
/// **Invariants:** `next <= end`; both lie in the newest chunk and are multiples of 8, the
/// strictest alignment of any member libprotobuf-c lays out, as is every address handed out.
/// Cost: an add and a compare an allocation.
@safe
struct Arena: ~Copyable {
  /// What the allocator callback reaches through its `allocator_data`: it must not move, so it
  /// lies in memory of its own.
  @unsafe struct State {
    var next: UnsafeMutableRawPointer
    var end: UnsafeMutableRawPointer
    /// Bytes of all chunks, the newest included.
    var chunkByteCount: Int
    let byteCountMax: Int
    /// Whether an allocation was refused since the last reset.
    var isExhausted = false
    /// The newest chunk; each begins with the address of the one before it.
    var chunk: UnsafeMutableRawPointer
    var newestByteCount: Int
  }

  private static let keptByteCountMax = 4 << 20
  private static let headerByteCount = 16
  private let state: UnsafeMutablePointer<State>
  private let callbacks: UnsafeMutablePointer<ProtobufCAllocator>

  /// `byteCountMax` bounds all chunks together; the first one is allocated here.
  init(firstByteCount: Int = 64 << 10, byteCountMax: Int) {
    let firstByteCount = firstByteCount & ~7
    precondition(
      firstByteCount > Self.headerByteCount && firstByteCount <= byteCountMax,
      "an arena's first chunk has room and lies within its bound")
    let chunk = unsafe Self.allocateChunk(byteCount: firstByteCount, previous: nil)
    unsafe state = .allocate(capacity: 1)
    unsafe state.initialize(
      to: State(
        next: chunk + Self.headerByteCount, end: chunk + firstByteCount,
        chunkByteCount: firstByteCount, byteCountMax: byteCountMax, chunk: chunk,
        newestByteCount: firstByteCount))
    unsafe callbacks = .allocate(capacity: 1)
    unsafe callbacks.initialize(
      to: ProtobufCAllocator(
        alloc: { unsafe Arena.allocate($0, $1) }, free: { _, _ in }, allocator_data: state))
  }

  deinit {
    var chunk: UnsafeMutableRawPointer? = unsafe state.pointee.chunk
    while let last = unsafe chunk {
      unsafe chunk = last.load(as: UnsafeMutableRawPointer?.self)
      unsafe free(last)
    }
    unsafe state.deallocate()
    unsafe callbacks.deallocate()
  }

  /// Whether a request was refused since the last reset: then an unpack that failed failed for
  /// want of memory.
  var isExhausted: Bool { unsafe state.pointee.isExhausted }

  /// The allocator to hand to libprotobuf-c. What it allocates lives until `reset`.
  var allocator: UnsafeMutablePointer<ProtobufCAllocator> { unsafe callbacks }

  /// Bytes that live until `reset`, or nil beyond the bound.
  @unsafe
  func allocate(byteCount: Int) -> UnsafeMutableRawPointer? {
    unsafe Self.allocate(state, byteCount)
  }

  /// Ends the life of everything handed out.
  func reset() {
    unsafe state.pointee.isExhausted = false
    if unsafe state.pointee.chunkByteCount == state.pointee.newestByteCount {
      unsafe state.pointee.next = state.pointee.chunk + Self.headerByteCount
    } else {
      unsafe Self.mergeChunks(state)
    }
  }

  // MARK: - Hot loops

  private static func allocate(
    _ opaque: UnsafeMutableRawPointer?, _ byteCount: Int
  ) -> UnsafeMutableRawPointer? {
    guard let opaque = unsafe opaque else { return nil }
    let state = unsafe opaque.assumingMemoryBound(to: State.self)
    let start = unsafe state.pointee.next
    guard byteCount >= 0, unsafe byteCount <= state.pointee.end - start else {
      return unsafe allocateInNewChunk(state, byteCount)
    }
    // What was left is a multiple of 8, so the rounded count fits as well.
    unsafe state.pointee.next = start + ((byteCount &+ 7) & ~7)
    return unsafe start
  }

  // MARK: - Chunks

  @inline(never)
  private static func allocateInNewChunk(
    _ state: UnsafeMutablePointer<State>, _ byteCount: Int
  ) -> UnsafeMutableRawPointer? {
    let free = unsafe state.pointee.byteCountMax - state.pointee.chunkByteCount
    guard byteCount >= 0, byteCount <= free - headerByteCount - 8 else {
      unsafe state.pointee.isExhausted = true
      return nil
    }
    let rounded = (byteCount + 7) & ~7
    let wanted = unsafe max(rounded + headerByteCount, state.pointee.newestByteCount * 2)
    let chunkByteCount = min(wanted, free & ~7)
    let chunk = unsafe allocateChunk(byteCount: chunkByteCount, previous: state.pointee.chunk)
    unsafe state.pointee.chunk = chunk
    unsafe state.pointee.newestByteCount = chunkByteCount
    unsafe state.pointee.chunkByteCount += chunkByteCount
    unsafe state.pointee.next = chunk + headerByteCount + rounded
    unsafe state.pointee.end = chunk + chunkByteCount
    return unsafe chunk + headerByteCount
  }

  /// Replaces several chunks by one.
  @inline(never)
  private static func mergeChunks(_ state: UnsafeMutablePointer<State>) {
    let byteCount = unsafe min(state.pointee.chunkByteCount, keptByteCountMax) & ~7
    var chunk: UnsafeMutableRawPointer? = unsafe state.pointee.chunk
    while let last = unsafe chunk {
      unsafe chunk = last.load(as: UnsafeMutableRawPointer?.self)
      unsafe free(last)
    }
    let merged = unsafe allocateChunk(byteCount: byteCount, previous: nil)
    unsafe state.pointee.chunk = merged
    unsafe state.pointee.newestByteCount = byteCount
    unsafe state.pointee.chunkByteCount = byteCount
    unsafe state.pointee.next = merged + headerByteCount
    unsafe state.pointee.end = merged + byteCount
  }

  private static func allocateChunk(
    byteCount: Int, previous: UnsafeMutableRawPointer?
  ) -> UnsafeMutableRawPointer {
    guard let chunk = unsafe malloc(byteCount) else {
      // malloc fails only when the process may have no more memory at all; nothing is left to do.
      fatalError("cannot allocate \(byteCount) bytes to unpack a record: out of memory")
    }
    unsafe chunk.storeBytes(of: previous, as: UnsafeMutableRawPointer?.self)
    return unsafe chunk
  }
}
