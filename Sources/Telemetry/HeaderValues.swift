/// The name of a Kafka header, ready for the C library.
package struct HeaderName: Hashable, Sendable {
  package let text: String
  /// With its NUL. A name has none inside (`init`).
  package let cString: [CChar]

  package init(_ text: String) {
    precondition(!text.utf8.contains(0), "a header's name holds no NUL")
    self.text = text
    cString = Array(text.utf8CString)
  }
}

/// What one record has for the headers that its source maps, in the order in which they were asked
/// for: for each the value of the last header of that name.
///
/// **Invariants:** values lie behind each other in `bytes`. Cost: the bytes are copied, into memory
/// that stays; nothing is allocated in a steady state.
package struct HeaderValues: Sendable {
  private var bytes: [UInt8] = []
  /// Where each value ends; `absent` for a header that the record does not have, or without value.
  private var ends: [Int] = []

  private static let absent = -1

  package init() {}

  package var count: Int { ends.count }

  package mutating func removeAll() {
    bytes.removeAll(keepingCapacity: true)
    ends.removeAll(keepingCapacity: true)
  }

  package mutating func append(_ value: some Sequence<UInt8>) {
    bytes.append(contentsOf: value)
    ends.append(bytes.count)
  }

  package mutating func appendAbsent() { ends.append(Self.absent) }

  /// The value at a place; nil where the record has none.
  @_lifetime(borrow self)
  package func value(at index: Int) -> RawSpan? {
    let end = ends[index]
    if end == Self.absent { return nil }
    let start = ends[..<index].last { $0 != Self.absent } ?? 0
    let value = unsafe bytes.span.bytes
    return value.extracting(start..<end)
  }
}
