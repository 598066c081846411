import Base
import Decode

/// Records of a made-up fleet of satellites: `sat-00000`, `sat-00001` …, each reporting once a
/// period, spread evenly over it.
///
/// The same options give the same records in the same order, on every machine. Which records are
/// late or bad is drawn from a generator of its own, so that the others stay as they were.
///
/// Cost: nothing allocated a record in a steady state; about 0.2 µs.
struct FleetSource: RecordMaker {
  private static let regions = ["eu", "us", "apac", "africa", "latam"]
  private static let firmwares = ["2.4.0", "2.4.1", "2.5.0", "3.0.0"]

  private let options: FleetOptions
  private let identities: [Identity]
  private var model: FleetModel
  private var faultRandom: FleetRandom
  /// Rounds of the whole fleet; nil for ever.
  private let roundCount: Int?
  private var round = 0
  private var device = 0
  /// Records held back, in the order of their times; `heldPosition` is the next to go.
  private var held: [Snapshot] = []
  private var heldPosition = 0
  private var newest: Snapshot
  private(set) var lateCount = 0
  private(set) var badCount = 0

  /// What never changes of a device, ready to be copied into every record.
  private struct Identity {
    let name: String
    let region: String
    let firmware: String
    let key: [UInt8]
    /// Fields 1 to 5 in their wire form: device, a time of zeros, region, firmware, and the tag of
    /// the sequence.
    let head: [UInt8]
    let timePosition: Int

    init(name: String, region: String, firmware: String) {
      self.name = name
      self.region = region
      self.firmware = firmware
      key = Array(name.utf8)
      var writer = ByteWriter()
      let message = DeviceTelemetryMessage(
        deviceID: name, timeUnixMillis: 0, region: region, firmware: firmware)
      TelemetryEncoder.append(message, to: &writer)
      // Tag, length and bytes of the device, then the tag of the time.
      timePosition = 2 + key.count + 1
      head = writer.bytes + [5 << 3]
    }
  }

  /// What is wrong with a record.
  private enum Fault {
    case none
    case null
    /// Ends within metric `metric`, after `byteCount` of its eight bytes.
    case cut(metric: Int, byteCount: Int)
    case noise(seed: UInt64)
  }

  private struct Snapshot {
    var device = 0
    var sequence: UInt64 = 0
    var micros: Int64 = 0
    var values: [10 of Double] = .init(repeating: 0)
    var fault = Fault.none
  }

  init(_ options: FleetOptions) {
    precondition(options.deviceCount > 0, "a fleet has at least one device")
    precondition(options.periodMicros > 0, "devices report at some period")
    self.options = options
    let width = max(5, String(options.deviceCount - 1).utf8.count)
    var random = FleetRandom(seed: options.seed ^ 0x6E61_6D65)
    identities = (0..<options.deviceCount).map { index in
      let digits = String(index)
      return Identity(
        name: "sat-" + String(repeating: "0", count: width - digits.utf8.count) + digits,
        region: Self.regions[random.below(Self.regions.count)],
        firmware: Self.firmwares[random.below(Self.firmwares.count)])
    }
    model = FleetModel(deviceCount: options.deviceCount, seed: options.seed)
    faultRandom = FleetRandom(seed: options.seed ^ 0x6661_756C_74)
    roundCount = options.lengthMicros.map {
      Int(($0 + options.periodMicros - 1) / options.periodMicros)
    }
    newest = Snapshot()
  }

  var plannedCount: Int? { roundCount.map { $0 * options.deviceCount } }
  var share: Double? { nil }

  var notes: [String] {
    var notes = ["fleet of \(Figure.count(options.deviceCount)), seed \(options.seed)"]
    if lateCount > 0 { notes.append("\(Figure.count(lateCount, "record")) sent late") }
    if badCount > 0 { notes.append("\(Figure.count(badCount, "record")) made bad") }
    return notes
  }

  mutating func next(into record: inout OutgoingRecord) -> Bool {
    while true {
      let hasTurn = roundCount.map { round < $0 } ?? true
      if heldPosition < held.count,
        !hasTurn || held[heldPosition].micros + options.lateByMicros <= turnMicros
      {
        newest = held[heldPosition]
        heldPosition += 1
        forgetSentOnes()
        break
      }
      guard hasTurn else { return false }
      let snapshot = takeTurn()
      if options.lateShare > 0, faultRandom.unit() < options.lateShare {
        held.append(snapshot)
        lateCount += 1
        continue
      }
      newest = snapshot
      break
    }
    record.key = identities[newest.device].key
    record.deviceIndex = newest.device
    record.eventMicros = newest.micros
    encode(into: &record)
    return true
  }

  /// Event time of the record whose turn it is: whole milliseconds, as the message counts them.
  private var turnMicros: Int64 {
    let micros =
      options.startMicros + Int64(round) * options.periodMicros
      + options.periodMicros * Int64(device) / Int64(options.deviceCount)
    return micros - micros % 1000
  }

  private mutating func takeTurn() -> Snapshot {
    let micros = turnMicros
    var snapshot = Snapshot()
    snapshot.device = device
    snapshot.sequence = UInt64(round)
    snapshot.micros = micros
    snapshot.values = model.values(device: device, micros: micros)
    if options.badShare > 0, faultRandom.unit() < options.badShare {
      snapshot.fault = drawFault()
      badCount += 1
    }
    device += 1
    if device == options.deviceCount {
      device = 0
      round += 1
    }
    return snapshot
  }

  private mutating func drawFault() -> Fault {
    switch faultRandom.below(3) {
    case 0: .null
    case 1: .cut(metric: faultRandom.below(10), byteCount: faultRandom.below(8))
    default: .noise(seed: faultRandom.next())
    }
  }

  /// Keeps the held records from growing for ever, at amortised constant cost.
  private mutating func forgetSentOnes() {
    if heldPosition > 4096, heldPosition * 2 > held.count {
      held.removeFirst(heldPosition)
      heldPosition = 0
    }
  }

  // MARK: - Encoding

  private func encode(into record: inout OutgoingRecord) {
    record.payload.removeAll(keepingCapacity: true)
    record.isTombstone = false
    switch newest.fault {
    case .none:
      append(newest, to: &record.payload)
    case .null:
      record.isTombstone = true
    case .cut(let metric, let byteCount):
      append(newest, to: &record.payload)
      // The ten metrics are nine bytes each and end the message: keep the tag and a part.
      record.payload.removeLast((10 - metric) * 9 - 1 - byteCount)
    case .noise(let seed):
      var random = FleetRandom(seed: seed)
      for _ in 0..<random.below(120) + 8 {
        record.payload.append(UInt8(truncatingIfNeeded: random.next()))
      }
      // Wire type 7 does not exist, so no reader can take the noise for a message.
      record.payload[0] |= 7
    }
  }

  private func append(_ snapshot: Snapshot, to payload: inout [UInt8]) {
    let identity = identities[snapshot.device]
    payload.append(contentsOf: identity.head)
    let millis = UInt64(snapshot.micros / 1000)
    for index in 0..<8 {
      payload[identity.timePosition + index] =
        UInt8(truncatingIfNeeded: millis >> UInt64(8 * index))
    }
    var sequence = snapshot.sequence
    while sequence >= 0x80 {
      payload.append(UInt8(truncatingIfNeeded: sequence) | 0x80)
      sequence >>= 7
    }
    payload.append(UInt8(truncatingIfNeeded: sequence))
    for index in 0..<10 {
      payload.append(UInt8(truncatingIfNeeded: (6 + index) << 3 | 1))
      unsafe withUnsafeBytes(of: snapshot.values[index].bitPattern.littleEndian) {
        unsafe payload.append(contentsOf: $0)
      }
    }
  }

  // MARK: - Record log

  func appendLogMembers(of record: OutgoingRecord, to line: inout [UInt8]) {
    switch newest.fault {
    case .none:
      let identity = identities[newest.device]
      LogMembers.append(
        DeviceTelemetryMessage(
          deviceID: identity.name, timeUnixMillis: UInt64(newest.micros / 1000),
          region: identity.region, firmware: identity.firmware, sequence: newest.sequence,
          metrics: newest.values.indices.map { newest.values[$0] }), to: &line)
    case .null:
      LogMembers.appendDead(payload: nil, to: &line)
    case .cut, .noise:
      LogMembers.appendDead(payload: record.payload, to: &line)
    }
  }
}
