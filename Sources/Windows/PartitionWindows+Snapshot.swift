package import Base
package import Telemetry

// The state of a partition as bytes, every value bit for bit. Device, attribute and metric indexes
// are those of the partition's `Vocabulary`, so the two are saved together. In order:
//
//     format            4 bytes "WND1"
//     what it is of     source, narrow or wide, metrics, windows
//     clock             the fields of `PartitionClock`
//     devices           clocks, attributes, blocks
//     queues            idle devices, then awake ones, by last record
extension PartitionWindows {
  private static let format: UInt32 = 0x3144_4E57

  /// Appends the whole state. Cost: about its `byteCount`, at memory speed.
  package func encode(into writer: inout ByteWriter) {
    writer.append(littleEndian: Self.format)
    encodeSettings(into: &writer)
    encodeClock(into: &writer)
    writer.append(varint: UInt64(devices.count))
    for device in devices.indices {
      encodeState(devices[device], into: &writer)
      let width = set.schema.attributes.count
      for word in attributes[device * width..<(device + 1) * width] {
        writer.append(littleEndian: word)
      }
      if set.schema.isNarrow {
        encodeSeries(ofDevice: device, into: &writer)
      } else {
        for group in set.groups.indices {
          encodeBlock(device * set.groups.count + group, into: &writer)
        }
      }
    }
    for queue in [RecencyList.Queue.idle, .awake] {
      let queued = recency.devices(in: queue)
      writer.append(varint: UInt64(queued.count))
      for device in queued { writer.append(littleEndian: device) }
    }
  }

  /// Reads a state back. Throws `.incompatibleState` when it was saved with other windows or with
  /// metrics of other types, `.damagedState` when the bytes make no sense. The options, and what
  /// aggregates are asked for, may have changed: they hold from here on. Attributes, and metrics of
  /// a wide source, may have come or gone: `savedSchema` says so. The state goes on without values
  /// of new ones; what is open of metrics that are gone ends here, without a row.
  ///
  /// The caller checks the checksum it keeps of every state first: what is verified here is shape,
  /// so that no bytes whatever lead to a wild access, and not every value.
  package init(
    schema: ReadingSchema, windows: [WindowDefinition], options: EventTimeOptions,
    from reader: inout ByteReader
  ) throws(WindowsError) {
    let (saved, fault) = Self.savedSchema(schema, windows, from: &reader)
    self.init(schema: saved, windows: windows, options: options)
    if let fault { throw fault }
    do throws(ByteReaderError) {
      try decodeClock(from: &reader)
      let deviceCount = try reader.readCount(elementByteCount: 40)
      for device in 0..<deviceCount { try decodeDevice(device, from: &reader) }
      for queue in [RecencyList.Queue.idle, .awake] {
        for _ in 0..<(try reader.readCount(elementByteCount: 4)) {
          let device = try reader.read(UInt32.self)
          guard device < UInt32(deviceCount), !recency.isIn(.idle, device),
            !recency.isIn(.awake, device)
          else {
            throw .malformed(filePosition: reader.filePosition)
          }
          recency.append(device, to: queue)
        }
      }
    } catch {
      throw .damagedState(detail: "\(error)")
    }
    if saved != schema {
      savedSchema = saved
      if saved.attributes != schema.attributes { take(attributes: schema.attributes) }
      if saved.metrics != schema.metrics { grow(to: schema) }
    }
  }

  /// Whether every index in a state that was read back stands for a word of `vocabulary`.
  package func fits(_ vocabulary: borrowing Vocabulary) -> Bool {
    guard devices.count <= vocabulary.devices.count else { return false }
    let width = set.schema.attributes.count
    for (place, word) in attributes.enumerated() where word != WordTable.none {
      if word >= UInt32(vocabulary.attributes[place % width].count) { return false }
    }
    if !set.schema.isNarrow { return true }
    for series in seriesOfDevice {
      var previous: ArraySlice<UInt8> = []
      for index in series {
        let metric = blocks[Int(index)].metric
        guard metric < UInt32(vocabulary.metrics.count) else { return false }
        let name = vocabulary.metrics.bytes(of: metric)
        let mask = set.mask(metric: vocabulary.metrics.text(of: metric))
        guard mask == set.mask(ofGrid: Int(blocks[Int(index)].grid)),
          index == series.first || previous.lexicographicallyPrecedes(name)
        else { return false }
        previous = name
      }
    }
    return true
  }

  // MARK: - What it is of

  private func encodeSettings(into writer: inout ByteWriter) {
    let settings = Self.settings(set.schema, set.definitions)
    writer.append(varint: UInt64(settings.count))
    for setting in settings {
      writer.append(lengthPrefixed: setting.what)
      writer.append(lengthPrefixed: setting.value)
    }
  }

  private static let attributesSetting = "the list of attributes"
  private static let metricsSetting = "the list of metrics"

  /// What state cannot survive a change of, as text for people; of attributes and metrics it
  /// survives that some come or go.
  private static func settings(
    _ schema: ReadingSchema, _ windows: [WindowDefinition]
  ) -> [(what: String, value: String)] {
    var settings: [(what: String, value: String)] = [
      ("the source", schema.source),
      ("the source's style", schema.isNarrow ? "narrow" : "wide"),
      (attributesSetting, schema.attributeList),
      (metricsSetting, schema.metricList),
      ("the list of windows", windows.map(\.name).joined(separator: ", ")),
    ]
    for window in windows {
      let globs = window.metricGlobs.isEmpty ? "all" : window.metricGlobs.joined(separator: ", ")
      settings.append(
        (
          "window \(window.name)",
          "size \(window.sizeMicros) µs, slide \(window.slideMicros) µs, metrics \(globs)"
        ))
    }
    return settings
  }

  /// The schema that the state was saved with; a fault, where there is one, with today's.
  private static func savedSchema(
    _ schema: ReadingSchema, _ windows: [WindowDefinition], from reader: inout ByteReader
  ) -> (schema: ReadingSchema, fault: WindowsError?) {
    var saved: [(what: String, value: String)] = []
    do throws(ByteReaderError) {
      guard try reader.read(UInt32.self) == Self.format else {
        throw .malformed(filePosition: reader.filePosition)
      }
      for _ in 0..<(try reader.readCount(elementByteCount: 2)) {
        saved.append((try reader.readText(), try reader.readText()))
      }
    } catch {
      return (schema, .damagedState(detail: "\(error)"))
    }
    let configured = settings(schema, windows)
    var savedSchema = schema
    // The list of windows comes before the windows, so equal lists mean equal keys.
    for (before, now) in zip(saved, configured) where before != now {
      guard before.what == now.what,
        let known = now.what == attributesSetting
          ? savedSchema.saved(attributeList: before.value)
          : now.what == metricsSetting ? savedSchema.saved(metricList: before.value) : nil
      else {
        let fault = WindowsError.incompatibleState(
          what: now.what, saved: before.value, configured: now.value)
        return (schema, fault)
      }
      savedSchema = known
    }
    if saved.count == configured.count { return (savedSchema, nil) }
    return (schema, .damagedState(detail: "the list of settings has another length"))
  }

  // MARK: - Clocks

  private func encodeClock(into writer: inout ByteWriter) {
    writer.append(littleEndian: clock.micros)
    writer.append(clock.isProvisional ? 1 as UInt8 : 0)
    writer.append(littleEndian: clock.provisionalDevice)
    writer.append(littleEndian: clock.heldCount)
    writer.append(littleEndian: clock.heldDevice)
    writer.append(littleEndian: clock.heldMicros)
  }

  private mutating func decodeClock(from reader: inout ByteReader) throws(ByteReaderError) {
    clock.micros = try readTime(from: &reader)
    clock.isProvisional = try reader.readByte() != 0
    clock.provisionalDevice = try reader.read()
    clock.heldCount = try reader.read()
    guard clock.heldCount < PartitionClock.repeatsToConfirm else {
      throw .malformed(filePosition: reader.filePosition)
    }
    clock.heldDevice = try reader.read()
    clock.heldMicros = try readTime(from: &reader)
  }

  private func encodeState(_ state: DeviceState, into writer: inout ByteWriter) {
    writer.append(littleEndian: state.watermark)
    writer.append(littleEndian: state.newest)
    writer.append(littleEndian: state.firedThrough)
    writer.append(littleEndian: state.droppedThrough)
    writer.append(littleEndian: state.lastRecordClock)
  }

  private func readTime(from reader: inout ByteReader) throws(ByteReaderError) -> Int64 {
    let time = try reader.read(Int64.self)
    guard time == EventTime.none || EventTime.isSafe(time) else {
      throw .malformed(filePosition: reader.filePosition)
    }
    return time
  }

  // MARK: - Devices

  private mutating func decodeDevice(
    _ device: Int, from reader: inout ByteReader
  ) throws(ByteReaderError) {
    meet(UInt32(device))
    var state = DeviceState()
    state.watermark = try readTime(from: &reader)
    state.newest = try readTime(from: &reader)
    state.firedThrough = try readTime(from: &reader)
    state.droppedThrough = try readTime(from: &reader)
    state.lastRecordClock = try readTime(from: &reader)
    guard state.isSound else { throw .malformed(filePosition: reader.filePosition) }
    if state.newest != EventTime.none { noteNewest(state.newest) }
    if state.watermark != EventTime.none { state.nextEdge = nextEdge(after: state) }
    devices[device] = state
    let width = set.schema.attributes.count
    for column in 0..<width { attributes[device * width + column] = try reader.read() }
    if set.schema.isNarrow {
      try decodeSeries(ofDevice: device, from: &reader)
    } else {
      for group in set.groups.indices {
        try decodeBlock(device * set.groups.count + group, of: state, from: &reader)
      }
    }
  }

  private func encodeSeries(ofDevice device: Int, into writer: inout ByteWriter) {
    let series = seriesOfDevice[device]
    writer.append(varint: UInt64(series.count))
    for index in series {
      writer.append(littleEndian: blocks[Int(index)].metric)
      writer.append(littleEndian: set.mask(ofGrid: Int(blocks[Int(index)].grid)))
      encodeBlock(Int(index), into: &writer)
    }
  }

  private mutating func decodeSeries(
    ofDevice device: Int, from reader: inout ByteReader
  ) throws(ByteReaderError) {
    for place in 0..<(try reader.readCount(elementByteCount: 12)) {
      let metric = try reader.read(UInt32.self)
      let mask = try reader.read(UInt64.self)
      let known = seriesIndex.block(device: UInt32(device), metric: metric)
      guard known == nil, mask != 0, mask >> UInt64(set.definitions.count) == 0 else {
        throw .malformed(filePosition: reader.filePosition)
      }
      let grid = set.grid(mask: mask)
      let block = addSeries(device: UInt32(device), metric: metric, grid: grid, at: place)
      try decodeBlock(block, of: devices[device], from: &reader)
      // Rows of one value are never cells.
      guard blocks[block].isUniform else {
        throw .malformed(filePosition: reader.filePosition)
      }
    }
  }

  private func encodeBlock(_ index: Int, into writer: inout ByteWriter) {
    blocks[index].encode(into: &writer)
    let count = blocks[index].revisions.count
    writer.append(varint: UInt64(count))
    if count == 0 { return }
    var words: [UInt64] = []
    for entry in 0..<count { blocks[index].revisions.appendWords(ofEntry: entry, to: &words) }
    writer.append(memoryOf: words)
  }

  private mutating func decodeBlock(
    _ index: Int, of device: DeviceState, from reader: inout ByteReader
  ) throws(ByteReaderError) {
    let grid = Int(blocks[index].grid)
    try blocks[index].decode(from: &reader, widths: set.grids[grid].widths)
    let wordsPerEntry = blocks[index].revisions.wordsPerEntry
    for _ in 0..<(try reader.readCount(elementByteCount: wordsPerEntry * 8)) {
      let words = try reader.readMemory(of: UInt64.self, count: wordsPerEntry)
      let isAppended = blocks[index].revisions.appendEntry(
        words: words[...], windowCount: set.definitions.count)
      if !isAppended { throw .malformed(filePosition: reader.filePosition) }
    }
    guard isSound(block: index, of: device) else {
      throw .malformed(filePosition: reader.filePosition)
    }
  }

  /// Whether a block is one that the device's times allow: there are slices only behind a first
  /// watermark; last rows are given up below D only; a window that fires again lies above D and has
  /// slices.
  private func isSound(block index: Int, of device: DeviceState) -> Bool {
    let dropped = device.droppedThrough
    let count = blocks[index].count
    if dropped == EventTime.none { return count == 0 && blocks[index].revisions.count == 0 }
    // It ended at or before D when the rows before it were given up; a coarser slice that it was
    // folded into since may end later, but begins before.
    if count > 0, blocks[index].lastFrom > 0 {
      guard blocks[index].start(blocks[index].lastFrom) < dropped else { return false }
    }
    for entry in 0..<blocks[index].revisions.count {
      let end = blocks[index].revisions.end(entry)
      guard end > dropped,
        let window = window(blocks[index].revisions.window(entry), ofBlock: index)
      else { return false }
      let slice = blocks[index].firstIndex(
        startingAtOrAfter: end - window.size,
        from: blocks[index].firstIndex(ofLevel: window.level))
      guard slice < count, blocks[index].start(slice) < end else { return false }
    }
    return true
  }
}
