import Base
import Telemetry

/// Counts what one decoder meets that its schema does not have, in bounded memory.
///
/// While a record is walked it is only *pending*, because what a broken record seems to have is
/// noise: `keep` takes it in once the structure is known to be sound, `drop` forgets it.
///
/// **Invariants:** `touched` lists the entries with something pending, each once; without anything
/// pending every entry has a count and a sample. Entries that are new in the record at hand are the
/// last ones. Cost: a compare a record without drift; with it a few nanoseconds each, as most come
/// in the order in which they came before, or a look into a dictionary.
struct DriftTally {
  /// Most kinds of drift that are told apart between two reports.
  static let entryCountMax = 256

  struct Key: Hashable {
    /// Index of the message type in its pool.
    var messageIndex: Int32
    var fieldNumber: UInt32
    var enumNumber: Int32?
  }

  struct Entry {
    var key: Key
    var wireType: UInt8
    var count: Int64 = 0
    var pendingCount: Int64 = 0
    /// Of the first one, where the record at hand has it: from behind its tag to its end.
    var range: Range<Int>
    var sample: SchemaDrift.Sample?
  }

  private(set) var entries: [Entry] = []
  private(set) var otherFieldCount: Int64 = 0
  private(set) var otherEnumNumberCount: Int64 = 0
  private var places: [Key: Int] = [:]
  private var touched: [Int] = []
  private var pendingOtherFieldCount: Int64 = 0
  private var pendingOtherEnumNumberCount: Int64 = 0
  /// The entry behind the last one that was met; these two are the likeliest to come.
  private var expected = 0
  /// Whether the record at hand has any.
  private(set) var isPending = false

  var isEmpty: Bool { entries.isEmpty && otherFieldCount == 0 && otherEnumNumberCount == 0 }

  // MARK: - The record at hand

  /// Notes one, whose value lies in `range` of the payload, behind its tag.
  mutating func note(_ key: Key, wireType: UInt8, _ range: Range<Int>) {
    isPending = true
    if expected < entries.count, entries[expected].key == key {
      add(to: expected)
    } else if expected > 0, entries[expected - 1].key == key {
      add(to: expected - 1)
    } else if let place = places[key] {
      add(to: place)
    } else if entries.count < Self.entryCountMax {
      places[key] = entries.count
      touched.append(entries.count)
      entries.append(Entry(key: key, wireType: wireType, pendingCount: 1, range: range))
      expected = entries.count
    } else if key.enumNumber == nil {
      pendingOtherFieldCount += 1
    } else {
      pendingOtherEnumNumberCount += 1
    }
  }

  private mutating func add(to place: Int) {
    if entries[place].pendingCount == 0 { touched.append(place) }
    entries[place].pendingCount += 1
    expected = place + 1
  }

  /// The record is sound: what was noted counts, and what is new gets its sample.
  mutating func keep(of payload: RawSpan, _ header: RecordHeader) {
    for place in touched {
      entries[place].count += entries[place].pendingCount
      entries[place].pendingCount = 0
      if entries[place].sample == nil {
        entries[place].sample = entries[place].sample(from: payload, header)
      }
    }
    otherFieldCount += pendingOtherFieldCount
    otherEnumNumberCount += pendingOtherEnumNumberCount
    endRecord()
  }

  /// The record does not count: it is broken, or was counted before.
  mutating func drop() {
    if !isPending { return }
    for place in touched { entries[place].pendingCount = 0 }
    while let last = entries.last, last.count == 0 {
      places[last.key] = nil
      entries.removeLast()
    }
    endRecord()
  }

  private mutating func endRecord() {
    touched.removeAll(keepingCapacity: true)
    pendingOtherFieldCount = 0
    pendingOtherEnumNumberCount = 0
    expected = 0
    isPending = false
  }

  // MARK: - Reports

  /// Begins again from nothing, after a report.
  mutating func removeAll() {
    precondition(!isPending, "a report is made between two records")
    entries.removeAll(keepingCapacity: true)
    places.removeAll(keepingCapacity: true)
    otherFieldCount = 0
    otherEnumNumberCount = 0
  }
}

extension DriftTally.Entry {
  fileprivate func sample(from payload: RawSpan, _ header: RecordHeader) -> SchemaDrift.Sample {
    var bytes: [UInt8] = []
    var byteCount = range.count
    if let number = key.enumNumber {
      // The walk has left its word only: the bytes as an encoder writes them.
      var writer = ByteWriter()
      writer.append(varint: UInt64(bitPattern: Int64(number)))
      bytes = writer.bytes
      byteCount = bytes.count
    } else {
      var first = range.lowerBound
      // The length before a length-delimited value; it has been read before, so it ends.
      if wireType == 2 {
        while Self.byte(payload, first) >= 0x80 { first += 1 }
        first += 1
      }
      byteCount = range.upperBound - first
      let kept = first..<first + min(byteCount, SchemaDrift.Sample.byteCountMax)
      bytes = kept.map { Self.byte(payload, $0) }
    }
    return SchemaDrift.Sample(
      partitionIndex: header.partitionIndex, offset: header.offset, wireType: wireType,
      byteCount: byteCount, bytes: bytes)
  }

  private static func byte(_ bytes: RawSpan, _ position: Int) -> UInt8 {
    precondition(position < bytes.byteCount, "what was noted lies within the payload")
    return unsafe bytes.unsafeLoad(fromByteOffset: position, as: UInt8.self)
  }
}
