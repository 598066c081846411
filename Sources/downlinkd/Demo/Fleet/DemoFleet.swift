import Base
import Decode

/// The records of the demonstration's fleet, in the order in which they are sent.
///
/// Every satellite measures once a minute. What a relay carries is sent at once, but for a few
/// records that take a while; a satellite that is heard in passes stores its readings and, when it
/// is next heard, sends them oldest first, many at a time. A few records cannot be read. Satellites
/// with an injected fault send neither late nor broken ones: what is found of it depends on the
/// detectors alone.
///
/// The same plan gives the same records. No clock, no input or output.
struct DemoFleet {
  private static let regions = ["eu", "us", "apac", "africa", "latam"]
  private static let firmwares = ["2.4.1", "2.5.0", "3.0.0"]
  private static let lateShare = 0.015
  /// Most come within `DemoPlan.outOfOrdernessMicros` and are in time; the rest fire windows again.
  private static let delayMicros = DemoPlan.minute...5 * DemoPlan.minute
  private static let badShare = 0.001
  /// Stored readings that one turn of a satellite in contact sends.
  private static let burstCountMax = 40

  /// One record on its way.
  struct Record: Equatable {
    var device = 0
    /// The fleet's time at which it is sent: the record's Kafka timestamp. Never goes back.
    var sentMicros: Int64 = 0
    var measuredMicros: Int64 = 0
    /// Nil: sent with a null value.
    var payload: [UInt8]? = []
    /// Whether nobody can read it.
    var isBad = false
  }

  let plan: DemoPlan
  let roles: FleetRoles
  let faults: [InjectedFault]
  private let faultOfDevice: [Int: InjectedFault]
  private var model: DemoModel
  private var random: FleetRandom
  private var round: Int64 = 0
  private var device = 0
  private var sequences: [UInt64]
  /// Readings of satellites out of contact, oldest first.
  private var stored: [[Record]]
  /// What the turn that was just taken sends; `burstPosition` is the next to go.
  private var burst: [Record] = []
  private var burstPosition = 0
  /// Late records, the next one last.
  private var held: [Record] = []

  private(set) var lateCount = 0
  private(set) var badCount = 0

  init(_ plan: DemoPlan) {
    self.plan = plan
    roles = FleetRoles(deviceCount: plan.deviceCount, seed: plan.seed)
    faults = FaultSchedule.draw(plan, roles)
    faultOfDevice = Dictionary(uniqueKeysWithValues: faults.map { ($0.device, $0) })
    model = DemoModel(deviceCount: plan.deviceCount, seed: plan.seed)
    random = FleetRandom(seed: plan.seed ^ 0x6665_6574_73)
    sequences = Array(repeating: 0, count: plan.deviceCount)
    stored = Array(repeating: [], count: plan.deviceCount)
  }

  /// Readings that lie stored in satellites now.
  var storedCount: Int { stored.reduce(0) { $0 + $1.count } }

  /// The next record that is sent by the fleet's time `untilMicros`; nil where there is none yet.
  mutating func next(untilMicros: Int64) -> Record? {
    while true {
      if burstPosition < burst.count {
        burstPosition += 1
        return burst[burstPosition - 1]
      }
      let turn = turnMicros
      if let late = held.last, late.sentMicros <= turn {
        guard late.sentMicros <= untilMicros else { return nil }
        return held.removeLast()
      }
      guard turn <= untilMicros, turn < plan.endMicros else { return nil }
      takeTurn(at: turn)
    }
  }

  /// When the satellite whose turn it is measures: whole milliseconds, as the message counts them.
  private var turnMicros: Int64 {
    let micros =
      plan.startMicros + round * DemoPlan.periodMicros
      + DemoPlan.periodMicros * Int64(device) / Int64(plan.deviceCount)
    return micros - micros % 1000
  }

  private mutating func takeTurn(at micros: Int64) {
    burst.removeAll(keepingCapacity: true)
    burstPosition = 0
    let device = self.device
    let record = measure(device, at: micros)
    self.device += 1
    if self.device == plan.deviceCount {
      self.device = 0
      round += 1
    }
    guard faultOfDevice[device]?.silences(micros) != true else { return }
    if roles.isHeardInPasses(device) {
      stored[device].append(record)
      if roles.isInContact(device, at: micros) { dump(device, at: micros) }
    } else if faultOfDevice[device] == nil, random.unit() < Self.lateShare {
      hold(record)
    } else {
      burst.append(record)
    }
  }

  private mutating func dump(_ device: Int, at micros: Int64) {
    let count = min(Self.burstCountMax, stored[device].count)
    burst = stored[device].prefix(count).map { record in
      var record = record
      record.sentMicros = micros
      return record
    }
    stored[device].removeFirst(count)
  }

  private mutating func hold(_ record: Record) {
    var record = record
    let span = Self.delayMicros.upperBound - Self.delayMicros.lowerBound
    let delay = Self.delayMicros.lowerBound + Int64(random.unit() * Double(span))
    record.sentMicros += delay - delay % 1000
    let place = held.firstIndex { $0.sentMicros <= record.sentMicros } ?? held.endIndex
    held.insert(record, at: place)
    lateCount += 1
  }

  // MARK: - Measuring

  private mutating func measure(_ device: Int, at micros: Int64) -> Record {
    var values = model.values(device: device, micros: micros)
    let fault = faultOfDevice[device]
    fault?.apply(to: &values, at: micros)
    var writer = ByteWriter()
    TelemetryEncoder.append(
      DeviceTelemetryMessage(
        deviceID: DemoNames.device(device), timeUnixMillis: UInt64(micros / 1000),
        region: Self.regions[device % Self.regions.count],
        firmware: Self.firmwares[device / 7 % Self.firmwares.count],
        sequence: sequences[device], metrics: values), to: &writer)
    sequences[device] += 1
    var record = Record(
      device: device, sentMicros: micros, measuredMicros: micros, payload: writer.bytes)
    if fault == nil, random.unit() < Self.badShare { spoil(&record) }
    return record
  }

  /// Makes it a record that nobody can read: without a value, or cut short within a number.
  private mutating func spoil(_ record: inout Record) {
    badCount += 1
    record.isBad = true
    if random.unit() < 0.3 {
      record.payload = nil
    } else {
      record.payload?.removeLast(1 + random.below(8))
    }
  }
}
