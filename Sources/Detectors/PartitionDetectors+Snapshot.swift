package import Base
package import Telemetry

// The state of a partition as bytes, every value bit for bit. Device, attribute and metric indexes
// are those of the partition's `Vocabulary`, so the two are saved together. In order:
//
//     format            4 bytes "DET2"; "DET1" of older programs lacks what rows said last
//     what it is of     source, narrow or wide, attributes, metrics
//     definitions       all of them, in their order
//     clock             the partition's, after the last record
//     devices           clocks, attributes, slots, blocks
//     queue             devices by last record
//     caps, watches     one for each definition, and for each one about silence
//
// Counts of what is open follow from the rest and are not saved.
extension PartitionDetectors {
  private static let format: UInt32 = 0x3254_4544
  private static let formatWithoutTold: UInt32 = 0x3154_4544

  /// Appends the whole state. Cost: about its `byteCount`, at memory speed.
  package func encode(into writer: inout ByteWriter) {
    writer.append(littleEndian: Self.format)
    let settings = Self.settings(of: set.schema)
    writer.append(varint: UInt64(settings.count))
    for setting in settings {
      writer.append(lengthPrefixed: setting.what)
      writer.append(lengthPrefixed: setting.value)
    }
    writer.append(varint: UInt64(set.definitions.count))
    for definition in set.definitions { definition.encode(into: &writer) }
    writer.append(littleEndian: clockMicros)
    writer.append(varint: UInt64(devices.count))
    for device in devices.indices { encodeDevice(device, into: &writer) }
    let queued = recency.devices(in: .awake)
    writer.append(varint: UInt64(queued.count))
    for device in queued { writer.append(littleEndian: device) }
    for state in states { state.encodeCap(into: &writer) }
    for watch in watches { watch.encode(into: &writer) }
  }

  /// Reads a state back, with the definitions it was saved with: `reconfigure` then takes the ones
  /// that hold now. Throws `.incompatibleState` when it was saved with another source or types
  /// of metrics, `.damagedState` when the bytes make no sense. Attributes, and metrics of a wide
  /// source, may have come; nothing is known of them. Some may have gone: see `closeGone`.
  ///
  /// The caller checks the checksum it keeps of every state first: what is verified here is shape,
  /// so that no bytes whatever lead to a wild access or a trap, and not every value.
  package init(
    schema: ReadingSchema, origin: AnomalyOrigin, outOfOrdernessMicros: Int64,
    from reader: inout ByteReader
  ) throws(DetectorsError) {
    let (saved, isTold, fault) = Self.savedSchema(schema, from: &reader)
    self.init(
      schema: saved, definitions: [], origin: origin, outOfOrdernessMicros: outOfOrdernessMicros)
    if let fault { throw fault }
    set = DetectorSet(schema: saved, definitions: try Self.readDefinitions(from: &reader))
    states = Array(repeating: DefinitionState(), count: set.definitions.count)
    watches = set.silenceWatches
    values = RowValues(count: set.valueCountMax)
    do throws(ByteReaderError) {
      clockMicros = try Self.readTime(from: &reader)
      for device in 0..<(try reader.readCount(elementByteCount: 24)) {
        try decodeDevice(device, isTold: isTold, from: &reader)
      }
      try decodeQueue(from: &reader)
      for definition in states.indices { try states[definition].decodeCap(from: &reader) }
      for watch in watches.indices { try decodeWatch(watch, from: &reader) }
      for device in devices.indices { deriveCounts(ofDevice: device) }
      countOpen()
    } catch {
      throw .damagedState(detail: "\(error)")
    }
    if saved.attributes != schema.attributes { take(attributes: schema.attributes) }
    if saved.metrics != schema.metrics { grow(to: schema) }
  }

  static func readTime(from reader: inout ByteReader) throws(ByteReaderError) -> Int64 {
    let time = try reader.read(Int64.self)
    guard time == EventTime.none || EventTime.isSafe(time) else {
      throw .malformed(filePosition: reader.filePosition)
    }
    return time
  }

  /// Whether every index in a state that was read back stands for a word of `vocabulary`.
  package func fits(_ vocabulary: borrowing Vocabulary) -> Bool {
    guard devices.count <= vocabulary.devices.count else { return false }
    let width = set.schema.attributes.count
    for (place, word) in attributes.enumerated() where word != WordTable.none {
      if word >= UInt32(vocabulary.attributes[place % width].count) { return false }
    }
    for watch in watches {
      for case let summary? in watch.summaries {
        let words = zip(summary.attributeCounts, vocabulary.attributes)
        guard summary.examples.allSatisfy({ Int($0) < devices.count }),
          words.allSatisfy({ counts, table in
            counts.keys.allSatisfy { $0 == WordTable.none || Int($0) < table.count }
          })
        else { return false }
      }
    }
    if !set.schema.isNarrow { return true }
    let metricCount = vocabulary.metrics.count
    return series.allSatisfy { Int($0.metric) < metricCount }
      && slots.allSatisfy { list in
        list.slots.lazy.map(\.key.metric)
          .allSatisfy { $0 == WordTable.none || Int($0) < metricCount }
      }
  }

  // MARK: - What it is of

  private static let attributesSetting = "the list of attributes"
  private static let metricsSetting = "the list of metrics"

  /// What state cannot survive a change of, as text for people; of attributes and metrics it
  /// survives that some come or go.
  private static func settings(of schema: ReadingSchema) -> [(what: String, value: String)] {
    [
      ("the source", schema.source),
      ("the source's style", schema.isNarrow ? "narrow" : "wide"),
      (attributesSetting, schema.attributeList),
      (metricsSetting, schema.metricList),
    ]
  }

  /// The schema that the state was saved with, and whether it says what rows said last; a fault,
  /// where there is one, with today's schema.
  private static func savedSchema(
    _ schema: ReadingSchema, from reader: inout ByteReader
  ) -> (schema: ReadingSchema, isTold: Bool, fault: DetectorsError?) {
    var saved: [(what: String, value: String)] = []
    var isTold = false
    do throws(ByteReaderError) {
      let format = try reader.read(UInt32.self)
      guard format == Self.format || format == Self.formatWithoutTold else {
        throw .malformed(filePosition: reader.filePosition)
      }
      isTold = format == Self.format
      for _ in 0..<(try reader.readCount(elementByteCount: 2)) {
        saved.append((try reader.readText(), try reader.readText()))
      }
    } catch {
      return (schema, isTold, .damagedState(detail: "\(error)"))
    }
    let configured = settings(of: schema)
    guard saved.count == configured.count, zip(saved, configured).allSatisfy({ $0.what == $1.what })
    else {
      return (schema, isTold, .damagedState(detail: "the list of settings is another one"))
    }
    var savedSchema = schema
    for (before, now) in zip(saved, configured) where before.value != now.value {
      guard
        let known = now.what == attributesSetting
          ? savedSchema.saved(attributeList: before.value)
          : now.what == metricsSetting ? savedSchema.saved(metricList: before.value) : nil
      else {
        let fault = DetectorsError.incompatibleState(
          what: now.what, saved: before.value, configured: now.value)
        return (schema, isTold, fault)
      }
      savedSchema = known
    }
    return (savedSchema, isTold, nil)
  }

  private static func readDefinitions(
    from reader: inout ByteReader
  ) throws(DetectorsError) -> [DetectorDefinition] {
    var definitions: [DetectorDefinition] = []
    do throws(ByteReaderError) {
      for _ in 0..<(try reader.readCount(elementByteCount: 12)) {
        let definition = try DetectorDefinition(from: &reader)
        guard !definitions.contains(where: { $0.name == definition.name }) else {
          throw .malformed(filePosition: reader.filePosition)
        }
        definitions.append(definition)
      }
    } catch {
      throw .damagedState(detail: "\(error)")
    }
    return definitions
  }

  // MARK: - Devices

  private func encodeDevice(_ device: Int, into writer: inout ByteWriter) {
    let state = devices[device]
    writer.append(littleEndian: state.newest)
    writer.append(littleEndian: state.watermark)
    writer.append(littleEndian: state.lastHeardClock)
    let width = set.schema.attributes.count
    for word in attributes[device * width..<(device + 1) * width] {
      writer.append(littleEndian: word)
    }
    writer.append(varint: UInt64(slots[device].slots.count))
    for slot in slots[device].slots { slot.encode(into: &writer) }
    if set.schema.isNarrow {
      encodeSeries(ofDevice: device, into: &writer)
    } else {
      let gridCount = set.shapes[0].grids.count
      for grid in 0..<gridCount { blocks[device * gridCount + grid].encode(into: &writer) }
    }
  }

  private mutating func decodeDevice(
    _ device: Int, isTold: Bool, from reader: inout ByteReader
  ) throws(ByteReaderError) {
    meet(UInt32(device))
    devices[device].newest = try Self.readTime(from: &reader)
    devices[device].watermark = try Self.readTime(from: &reader)
    devices[device].lastHeardClock = try Self.readTime(from: &reader)
    let width = set.schema.attributes.count
    for column in 0..<width { attributes[device * width + column] = try reader.read() }
    for _ in 0..<(try reader.readCount(elementByteCount: 12)) {
      let slot = try ActiveSlot(from: &reader, isTold: isTold)
      guard isPossible(slot), slots[device].append(slot) else {
        throw .malformed(filePosition: reader.filePosition)
      }
    }
    if set.schema.isNarrow {
      try decodeSeries(ofDevice: device, from: &reader)
    } else {
      let grids = set.shapes[0].grids
      for grid in grids.indices {
        try blocks[device * grids.count + grid].decode(
          from: &reader, every: grids[grid].everyMicros, watermark: devices[device].watermark)
      }
    }
  }

  /// Whether a slot is one that the definitions can have made.
  private func isPossible(_ slot: ActiveSlot) -> Bool {
    let definition = Int(slot.key.definition)
    guard definition < set.definitions.count else { return false }
    if case .silence = set.definitions[definition].rule {
      return slot.key.metric == WordTable.none && slot.severity == .warning
    }
    guard slot.severity != nil || set.limits[definition] != nil else { return false }
    return set.schema.isNarrow
      ? slot.key.metric != WordTable.none : Int(slot.key.metric) < set.schema.metrics.count
  }

  private func encodeSeries(ofDevice device: Int, into writer: inout ByteWriter) {
    writer.append(varint: UInt64(seriesOfDevice[device].count))
    for number in seriesOfDevice[device] {
      let one = series[Int(number)]
      writer.append(littleEndian: one.metric)
      // The definitions, since the shapes are numbered as metrics were learned.
      let watchers = set.shapeDefinitions[Int(one.shape)]
      writer.append(varint: UInt64(watchers.count))
      for definition in watchers { writer.append(varint: UInt64(definition)) }
      for grid in set.shapes[Int(one.shape)].grids.indices {
        blocks[one.firstBlock + grid].encode(into: &writer)
      }
    }
  }

  private mutating func decodeSeries(
    ofDevice device: Int, from reader: inout ByteReader
  ) throws(ByteReaderError) {
    for place in 0..<(try reader.readCount(elementByteCount: 6)) {
      let metric = try reader.read(UInt32.self)
      var watchers: [Int] = []
      for _ in 0..<(try reader.readCount()) {
        let definition = Int(truncatingIfNeeded: try reader.readVarint())
        guard set.definitions.indices.contains(definition), definition > watchers.last ?? -1,
          set.definitions[definition].metric != nil
        else { throw .malformed(filePosition: reader.filePosition) }
        watchers.append(definition)
      }
      guard !watchers.isEmpty,
        seriesIndex.find(device: UInt32(device), metric: metric) == SeriesIndex.none
      else { throw .malformed(filePosition: reader.filePosition) }
      let shape = set.shape(watchers: watchers)
      guard !set.shapes[shape].grids.isEmpty else {
        throw .malformed(filePosition: reader.filePosition)
      }
      let number = addSeries(device: UInt32(device), metric: metric, shape: shape, at: place)
      for (index, grid) in set.shapes[shape].grids.enumerated() {
        try blocks[series[number].firstBlock + index].decode(
          from: &reader, every: grid.everyMicros, watermark: devices[device].watermark)
      }
    }
  }

  // MARK: - Silence

  private mutating func decodeQueue(from reader: inout ByteReader) throws(ByteReaderError) {
    for _ in 0..<(try reader.readCount(elementByteCount: 4)) {
      let device = try reader.read(UInt32.self)
      guard Int(device) < devices.count, !recency.isIn(.awake, device), !watches.isEmpty else {
        throw .malformed(filePosition: reader.filePosition)
      }
      recency.append(device, to: .awake)
    }
  }

  private mutating func decodeWatch(
    _ watch: Int, from reader: inout ByteReader
  ) throws(ByteReaderError) {
    try watches[watch].decode(
      from: &reader, deviceCount: devices.count, attributeCount: set.schema.attributes.count)
    let cursor = watches[watch].cursor
    guard cursor == SilenceWatch.noDevice
      || Int(cursor) < devices.count && recency.isIn(.awake, cursor)
    else {
      throw .malformed(filePosition: reader.filePosition)
    }
    // From the cursor on no device is silent: else one could fall silent twice.
    let definition = UInt32(watches[watch].definition)
    let key = ActiveSlot.Key(metric: WordTable.none, definition: definition)
    var device = cursor
    while device != RecencyList.none {
      guard !slots[Int(device)].find(key).exists, watches[watch].summary(ofDevice: device) == nil
      else { throw .malformed(filePosition: reader.filePosition) }
      device = recency.next(after: device)
    }
  }

  /// Counts what is open, from slots and summaries.
  private mutating func countOpen() {
    for list in slots {
      for slot in list.slots {
        if let severity = slot.severity { states[Int(slot.key.definition)].count(severity, 1) }
      }
    }
    for watch in watches {
      for summary in watch.summaries where summary?.phase == .open {
        states[watch.definition].count(.warning, 1)
      }
    }
  }
}
