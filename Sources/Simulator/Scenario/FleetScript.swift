import Base
import Decode

/// One record of a scripted topic, and what must become of it.
struct ScriptedRecord: Sendable {
  var key: [UInt8]?
  var payload: [UInt8]?
  var timestampMicros: Int64
  /// Rows it must give in the table of its source; 0 for an empty or a dead one.
  var rowCount: Int
  var isDead = false
  /// Rows of a record that is read which are dead letters by themselves, by their place.
  var deadRows: [Int] = []
  /// Of a dead record: rows it gives when the mapping is mended; nil where it stays dead.
  var mendedRowCount: Int?
  /// The same for a record and what its device sends of it again; nil for a dead one.
  var serial: Int?

  var logged: SimulatedRecord {
    SimulatedRecord(key: key, payload: payload, timestampMicros: timestampMicros)
  }
}

/// What one partition's devices send, one record after the other: in order and late, silent for a
/// while, with broken clocks, now and then unreadable, and, where that is to be noticed, again.
///
/// Kafka's timestamps advance with the records, not with the simulation's time: rows follow from
/// the topic alone.
struct FleetScript: Sendable {
  /// The two message types that are built in.
  enum Shape: Sendable {
    case wide
    case narrow
  }

  /// 2026-09-21T13:20:00Z, a multiple of the windows' slides.
  static let startMicros: Int64 = 1_790_000_400_000_000
  /// The date of the first records, days since 1970.
  static let startDay = Timestamp.day(ofMicros: startMicros)
  /// From the start to one minute and a half before midnight: a multiple of the windows' slides.
  private static let untilEveningMicros =
    Timestamp.microsPerDay - startMicros % Timestamp.microsPerDay - 90_000_000

  private let shape: Shape
  private let partition: Int32
  private var random: SplitMix64
  /// Seconds of the fleet's time that the records have reached.
  private var second = 0.0
  /// What else a fleet may do.
  struct Habits: Sendable {
    /// The sources leave duplicates out.
    var sendsAgain = false
    /// Some of what is dead can be read when the mapping is mended.
    var hasMendable = false
    var hasOwnSchema = false
    /// What it sends is of two dates.
    var crossesMidnight = false
  }

  private let habits: Habits
  private var serial = 0
  /// What may come again.
  private var sent: [ScriptedRecord] = []
  private static let sentCountMax = 150

  init(_ shape: Shape, partition: Int32, seed: UInt64, _ habits: Habits) {
    self.habits = habits
    self.shape = shape
    self.partition = partition
    random = SplitMix64(seed: seed)
  }

  mutating func next() -> ScriptedRecord {
    second += Double.random(in: 0.05..<0.6, using: &random)
    // Silence of the whole partition: other devices' windows become idle.
    if random.oneIn(150) { second += Double.random(in: 30..<120, using: &random) }
    if random.oneIn(40) { return dead() }
    if habits.hasMendable, random.oneIn(20) { return withoutDevice() }
    if habits.sendsAgain, random.oneIn(8), var again = sent.randomElement(using: &random) {
      again.timestampMicros = micros(second)
      return again
    }
    var record = shape == .wide ? snapshot() : samples()
    // Where nothing of it was read, nothing can be a copy of it.
    if record.isDead { return record }
    record.serial = serial
    serial += 1
    sent.append(record)
    if sent.count > Self.sentCountMax { sent.removeFirst() }
    return record
  }

  /// One of many that cannot be read; now and then one that can.
  mutating func nextOfFlood() -> ScriptedRecord {
    if random.oneIn(30) { return next() }
    second += Double.random(in: 0.01..<0.05, using: &random)
    return habits.hasMendable && random.oneIn(3) ? withoutDevice() : dead()
  }

  private func micros(_ second: Double) -> Int64 {
    Self.startMicros + (habits.crossesMidnight ? Self.untilEveningMicros : 0)
      + Int64(second * 1000) * 1000
  }

  private mutating func dead() -> ScriptedRecord {
    ScriptedRecord(
      key: [1, 2], payload: random.oneIn(2) ? nil : [0xFF], timestampMicros: micros(second),
      rowCount: 0, isDead: true)
  }

  /// A record that names its device by its key alone.
  private mutating func withoutDevice() -> ScriptedRecord {
    var record = shape == .wide ? snapshot(namesDevice: false) : samples(namesDevice: false)
    record.mendedRowCount =
      record.mendedRowCount ?? record.rowCount + record.deadRows.count
    record.rowCount = 0
    record.deadRows = []
    record.isDead = true
    return record
  }

  private mutating func snapshot(namesDevice: Bool = true) -> ScriptedRecord {
    // "sat-0" turns up in every partition; the others have one.
    let device =
      random.oneIn(10) ? "sat-0" : "sat-\(Int32.random(in: 1..<4, using: &random) * 8 + partition)"
    var eventSecond = second
    if random.oneIn(7) { eventSecond -= Double.random(in: 0..<45, using: &random) }
    if random.oneIn(100) { eventSecond += 100_000 }
    let metrics: [Double?] = (0..<4).map { _ in
      random.oneIn(10) ? nil
        : random.oneIn(50) ? .nan : Double.random(in: -5..<5, using: &random)
    }
    var writer = ByteWriter()
    TelemetryEncoder.append(
      DeviceTelemetryMessage(
        deviceID: namesDevice ? device : nil, timeUnixMillis: UInt64(micros(eventSecond) / 1000),
        region: random.oneIn(2) ? "eu" : random.oneIn(2) ? "us" : nil,
        firmware: random.oneIn(5) ? "f\(partition)" : nil,
        // 0 is not on the wire, and so no sequence.
        sequence: habits.sendsAgain ? UInt64(serial + 1) : UInt64(second * 3),
        metrics: metrics), to: &writer)
    if habits.hasOwnSchema { OwnSchema.appendColumns(to: &writer, random: &random) }
    return ScriptedRecord(
      key: Array(device.utf8), payload: writer.bytes, timestampMicros: micros(second), rowCount: 1)
  }

  private mutating func samples(namesDevice: Bool = true) -> ScriptedRecord {
    let device = "inv-\(Int.random(in: 0..<3, using: &random))"
    let count = Int.random(in: 0..<5, using: &random)
    if habits.hasOwnSchema { return values(of: device, count: count, namesDevice: namesDevice) }
    var deadRows: [Int] = []
    let samples = (0..<count).map { index -> TelemetryBatchMessage.Sample in
      let late = random.oneIn(10) ? 15.0 : 0
      let hasTime = !habits.hasMendable || !random.oneIn(8)
      if !hasTime { deadRows.append(index) }
      return .init(
        timeUnixMicros: hasTime ? UInt64(micros(second + Double(index) / 10 - late)) : nil,
        metric: ["a", "b"][index % 2], value: Double.random(in: 0..<9, using: &random))
    }
    var writer = ByteWriter()
    TelemetryEncoder.append(
      TelemetryBatchMessage(
        deviceID: namesDevice ? device : nil, region: "us", model: "m1", samples: samples),
      to: &writer)
    var record = ScriptedRecord(
      key: Array(device.utf8), payload: writer.bytes, timestampMicros: micros(second),
      rowCount: count - deadRows.count, deadRows: deadRows)
    // A record of which no row can be read is one dead letter.
    if !deadRows.isEmpty, record.rowCount == 0 {
      record.isDead = true
      record.deadRows = []
      record.mendedRowCount = count
    }
    return record
  }

  /// The same as the entries of a map: of those with one key the last counts.
  private mutating func values(
    of device: String, count: Int, namesDevice: Bool
  ) -> ScriptedRecord {
    let entries = (0..<count).map { index in
      (key: ["a", "b"][index % 2], value: Double.random(in: 0..<9, using: &random))
    }
    let late = random.oneIn(10) ? 15.0 : 0
    return ScriptedRecord(
      key: Array(device.utf8),
      payload: OwnSchema.values(
        device: namesDevice ? device : nil, timeMicros: UInt64(micros(second - late)), entries),
      timestampMicros: micros(second), rowCount: min(count, 2))
  }
}
