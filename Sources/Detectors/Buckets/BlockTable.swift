/// Owns the bucket blocks of a partition, by dense index. An `Array` cannot hold values that own
/// memory.
///
/// **Invariants:** places `0..<count` are initialised, the others are not.
@safe
struct BlockTable: ~Copyable, @unchecked Sendable {  // because it alone owns its memory
  private var blocks: UnsafeMutablePointer<BucketBlock>
  private(set) var count = 0
  private var capacity = 16

  init() { unsafe blocks = .allocate(capacity: 16) }

  deinit {
    unsafe blocks.deinitialize(count: count)
    unsafe blocks.deallocate()
  }

  subscript(index: Int) -> BucketBlock {
    @inline(__always) _read {
      precondition(UInt(bitPattern: index) < UInt(bitPattern: count), "no such block")
      yield unsafe blocks[index]
    }
    @inline(__always) _modify {
      precondition(UInt(bitPattern: index) < UInt(bitPattern: count), "no such block")
      yield unsafe &blocks[index]
    }
  }

  mutating func append(_ block: consuming BucketBlock) {
    if count == capacity {
      let grown = UnsafeMutablePointer<BucketBlock>.allocate(capacity: capacity * 2)
      unsafe grown.moveInitialize(from: blocks, count: count)
      unsafe blocks.deallocate()
      unsafe blocks = unsafe grown
      capacity *= 2
    }
    unsafe (blocks + count).initialize(to: block)
    count += 1
  }
}
