import Base

/// What a file action says of a file, on its way into a snapshot.
struct FileRecord: Sendable {
  /// As the action writes it: a URI reference.
  var path: [UInt8]
  /// Of the partition values among those the snapshot knows; negative where the action has none.
  var partition: Int32
  /// Negative where the action does not say.
  var byteCount: Int64
  /// Modification time of a live file, deletion time of a removed one; milliseconds since 1970.
  var timeMillis: Int64
  /// The commit or log checkpoint that named it.
  var version: Int64
  /// Negative where the statistics do not say.
  var rowCount: Int64
  /// JSON text, as the action has it.
  var statistics: [UInt8]?
  /// JSON text of an object.
  var tags: [UInt8]?
}

extension FileRecord {
  /// From what somebody's action or log checkpoint says; nil where it does not.
  init(
    path: [UInt8], partition: Int32, size: Int64?, timestamp: Int64?, version: Int64,
    statistics: [UInt8]?, tags: [UInt8]?
  ) {
    self.init(
      path: path, partition: partition, byteCount: ForeignNumber.count(size),
      timeMillis: ForeignNumber.millis(timestamp) ?? -1, version: version,
      rowCount: ForeignNumber.count(statistics.flatMap(StatisticsText.recordCount)),
      statistics: statistics, tags: tags)
  }
}

/// Numbers of a log that anybody may have written. They are summed, compared and multiplied in many
/// places; here they become such that none of that can overflow.
enum ForeignNumber {
  /// 4 TiB, and as many rows: two million files of that can be summed.
  private static let countMax: Int64 = 1 << 42
  /// The year 37,000; in microseconds it still fits.
  private static let millisMax: Int64 = 1 << 50

  /// Bytes or rows of a file; -1 where nothing is said, or what no file can have.
  static func count(_ number: Int64?) -> Int64 {
    guard let number, (0...countMax).contains(number) else { return -1 }
    return number
  }

  /// Milliseconds since 1970; nil for a time before that. One beyond all bounds is as late as can
  /// be, not unknown: what was removed at an unknown time is deleted.
  static func millis(_ number: Int64?) -> Int64? {
    number.flatMap { $0 < 0 ? nil : min($0, millisMax) }
  }
}

/// Files by their path, a million of them in a few hundred megabytes.
///
///     slots    72 bytes a file: numbers, and where its texts are
///     paths    the paths, one after the other
///     texts    statistics and tags, compressed in blocks
///     index    slots by the hash of the path: open addressing, at most half full
///
/// **Invariants:** a path is in `index` once, by its decoded form; every index entry names a slot
/// that is taken. The order of the slots is the order in which the files came. Cost: an insertion
/// or look-up about 0.3 µs; what is removed is swept once it is more than half of all.
struct FileRecords: Sendable {
  struct Slot: Sendable {
    /// XXHash64 of the decoded path.
    var hash: UInt64
    var byteCount: Int64
    var timeMillis: Int64
    var version: Int64
    var rowCount: Int64
    var pathStart: Int
    var pathByteCount: UInt32
    var partition: Int32
    var texts: TextBlocks.Place
    var isTaken: Bool
  }

  private(set) var slots: [Slot] = []
  /// Slots that are taken.
  private(set) var count = 0
  private(set) var texts = TextBlocks()
  private var paths = ByteArena()
  /// A slot's number plus one; 0 is free.
  private var index: [UInt32] = []

  /// Sweeping small tables is not worth it.
  private static let sweepCountMin = 1024

  /// The number of the slot of a decoded path; nil if there is no such file.
  func find(_ decodedPath: [UInt8]) -> Int? {
    if index.isEmpty { return nil }
    return find(decodedPath, hash: XXHash64.hash(decodedPath)).flatMap { Int(index[$0]) - 1 }
  }

  /// The number of the slot of a path of this hash; nil if there is none.
  func find(hash: UInt64) -> Int? {
    if index.isEmpty { return nil }
    let mask = index.count - 1
    var place = Int(truncatingIfNeeded: hash) & mask
    while index[place] != 0 {
      let number = Int(index[place]) - 1
      if slots[number].hash == hash { return number }
      place = (place + 1) & mask
    }
    return nil
  }

  /// The path of a taken slot, as its action wrote it.
  func path(_ slot: Slot) -> ArraySlice<UInt8> {
    paths.bytes(from: slot.pathStart, byteCount: Int(slot.pathByteCount))
  }

  /// Puts a file, in the place of one of the same path.
  /// - Returns: what was replaced.
  @discardableResult
  mutating func insert(_ record: FileRecord) -> Slot? {
    let decoded = Self.decoded(record.path)
    let replaced = remove(decoded)
    growIndex()
    var text: [UInt8] = []
    if record.statistics != nil || record.tags != nil {
      Self.append(record.statistics, to: &text)
      Self.append(record.tags, to: &text)
    }
    let slot = Slot(
      hash: XXHash64.hash(decoded), byteCount: record.byteCount, timeMillis: record.timeMillis,
      version: record.version, rowCount: record.rowCount, pathStart: paths.append(record.path),
      pathByteCount: UInt32(record.path.count), partition: record.partition,
      texts: text.isEmpty ? .none : texts.append(text), isTaken: true)
    slots.append(slot)
    count += 1
    enter(slots.count - 1)
    return replaced
  }

  /// Takes a file out by its decoded path.
  @discardableResult
  mutating func remove(_ decodedPath: [UInt8]) -> Slot? {
    if index.isEmpty { return nil }
    guard let place = find(decodedPath, hash: XXHash64.hash(decodedPath)) else { return nil }
    let number = Int(index[place]) - 1
    let slot = slots[number]
    slots[number].isTaken = false
    count -= 1
    leave(place)
    if slots.count - count > max(count, Self.sweepCountMin) { sweep() }
    return slot
  }

  /// Statistics and tags of a slot's texts.
  static func texts(_ bytes: ArraySlice<UInt8>) -> (statistics: [UInt8]?, tags: [UInt8]?) {
    if bytes.isEmpty { return (nil, nil) }
    var position = bytes.startIndex
    let statistics = next(bytes, &position)
    return (statistics, next(bytes, &position))
  }

  /// The path on disk that an action's path names; one that is no URI names itself.
  static func decoded(_ path: [UInt8]) -> [UInt8] {
    guard path.contains(UInt8(ascii: "%")) else { return path }
    let text = String(decoding: path, as: UTF8.self)
    return DeltaPath.percentDecoded(text).map { Array($0.utf8) } ?? path
  }

  // MARK: - The index

  /// The place in `index` of a path; nil if it is not there. Only where there is an index.
  private func find(_ decodedPath: [UInt8], hash: UInt64) -> Int? {
    let mask = index.count - 1
    var place = Int(truncatingIfNeeded: hash) & mask
    while index[place] != 0 {
      let slot = slots[Int(index[place]) - 1]
      if slot.hash == hash, Self.decoded(Array(path(slot))) == decodedPath { return place }
      place = (place + 1) & mask
    }
    return nil
  }

  private mutating func enter(_ number: Int) {
    let mask = index.count - 1
    var place = Int(truncatingIfNeeded: slots[number].hash) & mask
    while index[place] != 0 { place = (place + 1) & mask }
    index[place] = UInt32(number + 1)
  }

  /// Frees a place and moves up what would not be found behind it any more.
  private mutating func leave(_ place: Int) {
    let mask = index.count - 1
    var free = place
    var next = (place + 1) & mask
    while index[next] != 0 {
      let home = Int(truncatingIfNeeded: slots[Int(index[next]) - 1].hash) & mask
      // Movable unless its home lies between the free place and where it is.
      if (next - home) & mask >= (next - free) & mask {
        index[free] = index[next]
        free = next
      }
      next = (next + 1) & mask
    }
    index[free] = 0
  }

  private mutating func growIndex() {
    if (count + 1) * 2 <= index.count { return }
    index = [UInt32](repeating: 0, count: max(64, index.count * 2))
    for number in slots.indices where slots[number].isTaken { enter(number) }
  }

  /// Leaves out the slots, paths and texts of removed files.
  private mutating func sweep() {
    var kept = FileRecords()
    var reader = TextBlockReader(texts)
    kept.slots.reserveCapacity(count)
    for slot in slots where slot.isTaken {
      var moved = slot
      moved.pathStart = kept.paths.append(Array(path(slot)))
      if slot.texts != .none { moved.texts = kept.texts.append(Array(reader.text(slot.texts))) }
      kept.slots.append(moved)
    }
    kept.count = kept.slots.count
    var placeCount = 64
    while placeCount < kept.count * 2 { placeCount *= 2 }
    kept.index = [UInt32](repeating: 0, count: placeCount)
    for number in kept.slots.indices { kept.enter(number) }
    self = kept
  }

  // MARK: - Texts

  /// A length plus one in four bytes, and the text; a length of 0 is no text.
  private static func append(_ text: [UInt8]?, to target: inout [UInt8]) {
    let count = text.map { UInt32($0.count + 1) } ?? 0
    for shift in [0, 8, 16, 24] as [UInt32] { target.append(UInt8(count >> shift & 0xFF)) }
    if let text { target.append(contentsOf: text) }
  }

  private static func next(_ bytes: ArraySlice<UInt8>, _ position: inout Int) -> [UInt8]? {
    var count = 0
    for index in 0..<4 { count |= Int(bytes[position + index]) << (index * 8) }
    position += 4
    if count == 0 { return nil }
    defer { position += count - 1 }
    return Array(bytes[position..<position + count - 1])
  }
}

/// Bytes one after the other, in pieces that never move: growing by doubling would hold them twice.
private struct ByteArena: Sendable {
  private static let pieceByteCount = 1 << 20
  private var pieces: [[UInt8]] = []

  /// Appends bytes that fit a piece, undivided.
  /// - Returns: where they are.
  mutating func append(_ bytes: [UInt8]) -> Int {
    let isRoom = pieces.last.map { $0.count + bytes.count <= Self.pieceByteCount } ?? false
    if !isRoom { pieces.append([]) }
    let piece = pieces.count - 1
    let start = pieces[piece].count
    pieces[piece].append(contentsOf: bytes)
    return piece * Self.pieceByteCount + start
  }

  func bytes(from start: Int, byteCount: Int) -> ArraySlice<UInt8> {
    let first = start % Self.pieceByteCount
    return pieces[start / Self.pieceByteCount][first..<first + byteCount]
  }
}
