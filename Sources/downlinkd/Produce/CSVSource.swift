import Base
import Decode
import Telemetry

/// Records made of rows of text: a device's rows are collected, in file order, until the rule of
/// `CSVOptions` says that they are a record.
///
/// **Invariants:** samples of a record stand in the order of the file, row by row and within a row
/// metric by metric; no row is in two records; every row and value is either sent or counted.
/// Cost: about 2 µs a row of seven values, encoding included.
struct CSVSource: RecordMaker, ~Copyable {
  private let options: CSVOptions
  /// Of each file, found before anything is sent.
  private let columns: [CSVColumns]
  /// Of the first file: left out because nobody named them and they hold words.
  private let wordColumns: [String]
  private let fixedAttributes: Attributes
  private var fileIndex = 0
  private var reader: CSVReader
  private var devices = WordTable()
  private var collections: [Collection] = []
  /// Finished records in the order they were finished; `readyPosition` is the next to go.
  private var ready: [Finished] = []
  private var readyPosition = 0
  private var newest: Message?
  private var writer = ByteWriter()
  private(set) var tally = CSVTally()

  /// What a device has collected so far.
  private struct Collection {
    let device: String
    var attributes: Attributes
    var nextSequence: UInt64 = 0
    var rowCount = 0
    var day: Int32 = 0
    var samples: [TelemetryBatchMessage.Sample] = []
    var byteCount = 0
  }

  struct Attributes: Equatable {
    var region: String?
    var firmware: String?
    var model: String?
  }

  enum Message: Equatable {
    case batch(TelemetryBatchMessage)
    case wide(DeviceTelemetryMessage)
  }

  private struct Finished {
    let deviceIndex: Int
    let eventMicros: Int64
    let message: Message
  }

  /// Looks into every file for its columns: throws `.usage` before anything is sent if one is
  /// missing. `options` must name a file.
  init(_ options: CSVOptions) throws(ProduceError) {
    var options = options
    var columns: [CSVColumns] = []
    var wordColumns: [String] = []
    for file in options.files {
      let found = try CSVProbe.look(into: file, options)
      columns.append(found.columns)
      wordColumns += found.wordColumns
      // Which columns hold numbers is decided by the first file, for all.
      options.metrics = found.metrics
    }
    var reader = CSVReader(try ByteInput.open(options.files[0]), delimiter: options.delimiter)
    _ = try reader.next()
    var attributes = Attributes()
    for (attribute, value) in options.fixedAttributes { attributes.set(attribute, value) }
    self.options = options
    self.columns = columns
    self.wordColumns = wordColumns
    self.reader = reader
    fixedAttributes = attributes
  }

  var plannedCount: Int? { nil }

  var share: Double? {
    guard let ofFile = reader.share, fileIndex < columns.count else { return nil }
    return (Double(fileIndex) + ofFile) / Double(columns.count)
  }

  var notes: [String] {
    let notes = tally.notes(fileCount: columns.count, deviceCount: devices.count)
    if wordColumns.isEmpty { return notes }
    let names = wordColumns.joined(separator: ", ")
    return notes + ["columns left out, because they hold words: \(names)"]
  }

  // MARK: - Records

  mutating func next(into record: inout OutgoingRecord) throws(ProduceError) -> Bool {
    while readyPosition == ready.count {
      ready.removeAll(keepingCapacity: true)
      readyPosition = 0
      guard try readRow() else { return false }
    }
    let finished = ready[readyPosition]
    readyPosition += 1
    writer.removeAll()
    switch finished.message {
    case .batch(let message): TelemetryEncoder.append(message, to: &writer)
    case .wide(let message): TelemetryEncoder.append(message, to: &writer)
    }
    record.key = Array(devices.bytes(of: UInt32(finished.deviceIndex)))
    record.payload = writer.take()
    record.isTombstone = false
    record.deviceIndex = finished.deviceIndex
    record.eventMicros = finished.eventMicros
    newest = finished.message
    return true
  }

  /// Reads one row and lets it finish what it finishes; false when there is nothing left to come.
  private mutating func readRow() throws(ProduceError) -> Bool {
    guard fileIndex < columns.count else { return false }
    if try reader.next() {
      takeRow()
      return true
    }
    fileIndex += 1
    let isLast = fileIndex == columns.count
    if isLast || options.rule == .file {
      for index in collections.indices { finish(index) }
    }
    if !isLast {
      reader = CSVReader(
        try ByteInput.open(options.files[fileIndex]), delimiter: options.delimiter)
      // The header has been understood by the probe.
      _ = try reader.next()
    }
    return true
  }

  private mutating func takeRow() {
    let columns = columns[fileIndex]
    tally.rowCount += 1
    switch RowHead(reader, columns, options.time) {
    case .bad(let fault, let line):
      tally.leaveOut(fault, file: options.files[fileIndex], line: line)
    case .good(let device, let micros):
      let index = collectionIndex(of: device)
      let attributes = rowAttributes(columns)
      if options.form == .wide {
        makeSnapshot(index, micros, attributes, columns)
      } else {
        collect(index, micros, attributes, columns)
      }
    }
  }

  private mutating func collectionIndex(of device: String) -> Int {
    let index = Int(devices.intern(device))
    if index == collections.count {
      collections.append(Collection(device: device, attributes: fixedAttributes))
    }
    return index
  }

  private func rowAttributes(_ columns: CSVColumns) -> Attributes {
    var attributes = fixedAttributes
    for (column, attribute) in columns.attributes {
      let text = String(decoding: reader.field(column), as: UTF8.self)
      if !text.isEmpty { attributes.set(attribute, text) }
    }
    return attributes
  }

  // MARK: - Collecting

  private mutating func collect(
    _ index: Int, _ micros: Int64, _ attributes: Attributes, _ columns: CSVColumns
  ) {
    let day = Timestamp.day(ofMicros: micros)
    let changesDay = options.rule == .deviceDay && collections[index].day != day
    // One record has one set of attributes: a change begins the next.
    if collections[index].rowCount > 0,
      changesDay || collections[index].attributes != attributes
        || collections[index].byteCount + rowByteCountMax(columns) > options.payloadByteCountMax
    {
      finish(index)
    }
    collections[index].day = day
    collections[index].attributes = attributes
    collections[index].rowCount += 1
    for metric in columns.metrics {
      guard let value = value(in: metric.column) else { continue }
      collections[index].samples.append(
        TelemetryBatchMessage.Sample(
          timeUnixMicros: UInt64(micros), metric: metric.name, value: value))
      collections[index].byteCount += Self.sampleByteCount + metric.name.utf8.count
    }
    if case .rows(let limit) = options.rule, collections[index].rowCount >= limit {
      finish(index)
    }
  }

  /// Bytes of a sample besides its name, generously: two tags with lengths, time and value.
  private static let sampleByteCount = 28

  private func rowByteCountMax(_ columns: CSVColumns) -> Int {
    columns.metrics.reduce(0) { $0 + Self.sampleByteCount + $1.name.utf8.count }
  }

  /// Makes a record of what a device has collected; rows without any value make none.
  private mutating func finish(_ index: Int) {
    guard collections[index].rowCount > 0 else { return }
    collections[index].rowCount = 0
    collections[index].byteCount = 0
    guard let eventMicros = collections[index].samples.compactMap(\.timeUnixMicros).max() else {
      tally.emptyRecordCount += 1
      return
    }
    let collection = collections[index]
    let message = TelemetryBatchMessage(
      deviceID: collection.device, region: collection.attributes.region,
      firmware: collection.attributes.firmware, model: collection.attributes.model,
      sequence: collection.nextSequence, samples: collection.samples)
    collections[index].samples.removeAll()
    collections[index].nextSequence += 1
    ready.append(
      Finished(deviceIndex: index, eventMicros: Int64(eventMicros), message: .batch(message)))
  }

  private mutating func makeSnapshot(
    _ index: Int, _ micros: Int64, _ attributes: Attributes, _ columns: CSVColumns
  ) {
    var metrics = [Double?](repeating: nil, count: DeviceTelemetryMessage.metricNames.count)
    for metric in columns.metrics {
      if let field = metric.field { metrics[field] = value(in: metric.column) }
    }
    guard metrics.contains(where: { $0 != nil }) else {
      tally.emptyRecordCount += 1
      return
    }
    // The message counts milliseconds.
    let millis = micros / 1000
    if micros % 1000 != 0 { tally.shortenedTimeCount += 1 }
    let message = DeviceTelemetryMessage(
      deviceID: collections[index].device, timeUnixMillis: UInt64(millis),
      region: attributes.region, firmware: attributes.firmware,
      sequence: collections[index].nextSequence, metrics: metrics)
    collections[index].nextSequence += 1
    ready.append(
      Finished(deviceIndex: index, eventMicros: millis * 1000, message: .wide(message)))
  }

  private mutating func value(in column: Int) -> Double? {
    tally.valueCount += 1
    switch NumberText.read(reader.text, reader.fields[column]) {
    case .value(let value): return value
    case .missing: tally.missingValueCount += 1
    case .unreadable:
      tally.noteUnreadableValue(file: options.files[fileIndex], line: reader.line)
    }
    return nil
  }

  // MARK: - Record log

  func appendLogMembers(of record: OutgoingRecord, to line: inout [UInt8]) {
    switch newest {
    case .batch(let message): LogMembers.append(message, to: &line)
    case .wide(let message): LogMembers.append(message, to: &line)
    case nil: preconditionFailure("a record is logged after it was made")
    }
  }
}

extension CSVSource.Attributes {
  mutating func set(_ attribute: CSVOptions.Attribute, _ value: String) {
    switch attribute {
    case .region: region = value
    case .firmware: firmware = value
    case .model: model = value
    }
  }
}

/// Whose row it is and when: what every row must have.
private enum RowHead {
  case good(device: String, micros: Int64)
  case bad(CSVTally.RowFault, line: Int)

  init(_ reader: borrowing CSVReader, _ columns: CSVColumns, _ time: TimeText) {
    self = .bad(.malformed, line: reader.line)
    guard !reader.isMalformed, reader.fields.count == columns.count else { return }
    self = .bad(.device, line: reader.line)
    guard let device = String(validating: reader.field(columns.device), as: UTF8.self),
      !device.isEmpty, !device.utf8.contains(0)
    else { return }
    self = .bad(.time, line: reader.line)
    guard let micros = time.micros(reader.field(columns.time)) else { return }
    // The wire counts from 1970 without sign, and 0 is no time.
    self = .bad(.timeBefore1970, line: reader.line)
    if micros >= 1000 { self = .good(device: device, micros: micros) }
  }
}
