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

  private let shape: Shape
  private let partition: Int32
  private var random: SplitMix64
  /// Seconds of the fleet's time that the records have reached.
  private var second = 0.0
  private let sendsAgain: Bool
  private var serial = 0
  /// What may come again.
  private var sent: [ScriptedRecord] = []
  private static let sentCountMax = 150

  /// - Parameter sendsAgain: whether the source leaves duplicates out.
  init(_ shape: Shape, partition: Int32, seed: UInt64, sendsAgain: Bool) {
    self.sendsAgain = sendsAgain
    self.shape = shape
    self.partition = partition
    random = SplitMix64(seed: seed)
  }

  mutating func next() -> ScriptedRecord {
    second += Double.random(in: 0.05..<0.6, using: &random)
    // Silence of the whole partition: other devices' windows become idle.
    if random.oneIn(150) { second += Double.random(in: 30..<120, using: &random) }
    if random.oneIn(40) { return dead() }
    if sendsAgain, random.oneIn(8), var again = sent.randomElement(using: &random) {
      again.timestampMicros = micros(second)
      return again
    }
    var record = shape == .wide ? snapshot() : samples()
    record.serial = serial
    serial += 1
    sent.append(record)
    if sent.count > Self.sentCountMax { sent.removeFirst() }
    return record
  }

  private func micros(_ second: Double) -> Int64 {
    Self.startMicros + Int64(second * 1000) * 1000
  }

  private mutating func dead() -> ScriptedRecord {
    ScriptedRecord(
      key: [1, 2], payload: random.oneIn(2) ? nil : [0xFF], timestampMicros: micros(second),
      rowCount: 0, isDead: true)
  }

  private mutating func snapshot() -> ScriptedRecord {
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
        deviceID: device, timeUnixMillis: UInt64(micros(eventSecond) / 1000),
        region: random.oneIn(2) ? "eu" : random.oneIn(2) ? "us" : nil,
        firmware: random.oneIn(5) ? "f\(partition)" : nil,
        // 0 is not on the wire, and so no sequence.
        sequence: sendsAgain ? UInt64(serial + 1) : UInt64(second * 3),
        metrics: metrics), to: &writer)
    return ScriptedRecord(
      key: Array(device.utf8), payload: writer.bytes, timestampMicros: micros(second), rowCount: 1)
  }

  private mutating func samples() -> ScriptedRecord {
    let device = "inv-\(Int.random(in: 0..<3, using: &random))"
    let count = Int.random(in: 0..<5, using: &random)
    let samples = (0..<count).map { index -> TelemetryBatchMessage.Sample in
      let late = random.oneIn(10) ? 15.0 : 0
      return .init(
        timeUnixMicros: UInt64(micros(second + Double(index) / 10 - late)),
        metric: ["a", "b"][index % 2], value: Double.random(in: 0..<9, using: &random))
    }
    var writer = ByteWriter()
    TelemetryEncoder.append(
      TelemetryBatchMessage(deviceID: device, region: "us", model: "m1", samples: samples),
      to: &writer)
    return ScriptedRecord(
      key: Array(device.utf8), payload: writer.bytes, timestampMicros: micros(second),
      rowCount: count)
  }
}
