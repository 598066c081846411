import Testing

@testable import Pipeline
@testable import downlinkd

@Suite struct ServiceNotificationsTests {
  private typealias Message = ServiceNotifications.Message
  private static let second: Int64 = 1_000_000_000

  /// A pipeline and its service manager, second by second.
  private struct Life {
    var notifications: ServiceNotifications
    var status = PipelineStatus(
      pipeline: "test", program: "test", configFingerprint: "", startedAtMicros: 0)
    var now: Int64 = 5 * second
    var said: [(at: Int64, message: Message)] = []

    init(watchdogSeconds: Int64? = nil) {
      notifications = ServiceNotifications(watchdogMicros: watchdogSeconds.map { $0 * 1_000_000 })
    }

    mutating func hear(_ messages: [Message]) {
      said += messages.map { (now, $0) }
    }

    /// Looks at the usual pace for so long.
    mutating func pass(seconds: Double) {
      let end = now + Int64(seconds * 1e9)
      while now < end {
        hear(notifications.observe(status, nowNanos: now))
        now += notifications.lookNanos
      }
    }

    mutating func enter(_ phase: PipelineStatus.Phase, seconds: Double = 1) {
      status.phase = phase
      pass(seconds: seconds)
    }

    func times(of message: Message) -> [Int64] {
      said.filter { $0.message == message }.map(\.at)
    }

    /// Everything but STATUS and EXTEND_TIMEOUT, in order.
    var steps: [Message] {
      said.map(\.message).filter {
        switch $0 {
        case .status, .extendTimeout, .watchdog: false
        default: true
        }
      }
    }

    var statusLines: [String] {
      said.compactMap { if case .status(let line) = $0.message { line } else { nil } }
    }
  }

  // MARK: - READY

  @Test(arguments: [PipelineStatus.Phase.starting, .joining])
  func `before it runs it says neither READY nor WATCHDOG`(phase: PipelineStatus.Phase) {
    var life = Life(watchdogSeconds: 2)
    life.enter(phase, seconds: 60)
    #expect(life.steps.isEmpty)
    #expect(life.times(of: .watchdog).isEmpty)
  }

  @Test func `READY is said at the first look that finds it running, partitions or none`() {
    var life = Life()
    life.enter(.starting, seconds: 3)
    life.enter(.joining, seconds: 3)
    let before = life.now
    life.enter(.running, seconds: 3)
    #expect(life.times(of: .ready) == [before])
    #expect(life.status.partitions.isEmpty)
  }

  @Test func `READY is said once, however often it recovers`() {
    var life = Life()
    for _ in 0..<5 {
      for phase in [PipelineStatus.Phase.starting, .joining, .running] { life.enter(phase) }
    }
    #expect(life.steps == [.ready])
  }

  @Test func `one that is stopped before it ran is never READY`() {
    var life = Life()
    life.enter(.joining)
    life.hear(life.notifications.stop())
    life.enter(.running)
    life.enter(.draining)
    #expect(life.steps == [.stopping])
  }

  // MARK: - STOPPING

  @Test func `STOPPING is said when a stop is asked for, once`() {
    var life = Life()
    life.enter(.running)
    let asked = life.now
    life.hear(life.notifications.stop())
    life.enter(.running)
    life.enter(.draining)
    life.hear(life.notifications.stop())
    life.enter(.stopped)
    life.hear(life.notifications.ended("stopped"))
    #expect(life.steps == [.ready, .stopping])
    #expect(life.times(of: .stopping) == [asked])
  }

  @Test(arguments: [PipelineStatus.Phase.draining, .stopped])
  func `STOPPING is said when it stops by itself`(phase: PipelineStatus.Phase) {
    var life = Life()
    life.enter(.running)
    life.enter(phase)
    #expect(life.steps == [.ready, .stopping])
  }

  @Test func `the last word is how it ended, whatever was said a moment ago`() {
    var life = Life()
    life.enter(.running, seconds: 0.1)
    life.hear(life.notifications.ended("stopped by a fault:\nREADY=1"))
    #expect(life.steps == [.ready, .stopping])
    #expect(life.statusLines.last == "stopped by a fault: READY=1")
  }

  // MARK: - WATCHDOG

  @Test(arguments: [1, 2, 3, 10, 30, 600] as [Int64])
  func `a sign of life comes at half the manager's patience or sooner`(patience: Int64) throws {
    var life = Life(watchdogSeconds: patience)
    var random = SeededGenerator(seed: UInt64(patience))
    life.status.phase = .running
    let end = life.now + patience * 20 * Self.second
    while life.now < end {
      life.hear(life.notifications.observe(life.status, nowNanos: life.now))
      // A busy machine looks late, by almost as much as there is between two looks.
      life.now += life.notifications.lookNanos * Int64.random(in: 100...195, using: &random) / 100
    }
    let times = life.times(of: .watchdog)
    #expect(times.first == life.times(of: .ready).first)
    for (one, next) in zip(times, times.dropFirst()) {
      #expect(next - one <= patience * Self.second / 2)
    }
    // And not at every look, where the manager is patient.
    #expect(times.count <= 20 * 2 * 2)
    #expect(try #require(times.last) > life.now - patience * Self.second / 2 - Self.second)
  }

  @Test func `a manager that does not wait gets no sign of life`() {
    var life = Life()
    life.enter(.running, seconds: 100)
    #expect(life.times(of: .watchdog).isEmpty)
  }

  @Test func `while nothing progresses there is no sign of life, and one at once when it does`() {
    var life = Life(watchdogSeconds: 10)
    life.enter(.running, seconds: 20)
    life.status.stall = "no commit for 130 s while 5 records wait"
    let stalled = life.now
    life.pass(seconds: 30)
    #expect(life.times(of: .watchdog).allSatisfy { $0 < stalled })
    life.status.stall = nil
    let again = life.now
    life.pass(seconds: 1)
    #expect(life.times(of: .watchdog).last == again)
    #expect(life.statusLines.contains { $0.contains("NOT PROGRESSING: no commit for 130 s") })
  }

  @Test func `recovering, reloading and stopping it still lives`() {
    var life = Life(watchdogSeconds: 4)
    life.enter(.running)
    life.hear(life.notifications.reloadBegan(nowNanos: life.now))
    let began = life.now
    life.enter(.starting, seconds: 10)
    life.enter(.draining, seconds: 10)
    let times = life.times(of: .watchdog).filter { $0 > began }
    #expect(times.count >= 10)
  }

  // MARK: - RELOADING

  @Test func `a reload is RELOADING with its time, then READY`() {
    var life = Life()
    life.enter(.running)
    let began = life.now
    life.hear(life.notifications.reloadBegan(nowNanos: began))
    life.pass(seconds: 5)
    life.hear(life.notifications.reloadEnded())
    let reloading = Message.reloading(monotonicMicros: began / 1000)
    #expect(life.steps == [.ready, reloading, .ready])
    #expect(reloading.text == "RELOADING=1\nMONOTONIC_USEC=\(began / 1000)")
  }

  @Test func `a reload before READY is not mentioned, for its end would pass for the start's`() {
    var life = Life()
    life.enter(.joining)
    life.hear(life.notifications.reloadBegan(nowNanos: life.now))
    life.hear(life.notifications.reloadEnded())
    #expect(life.steps.isEmpty)
    life.hear(life.notifications.reloadBegan(nowNanos: life.now))
    life.enter(.running)
    life.hear(life.notifications.reloadEnded())
    #expect(life.steps == [.ready])
  }

  @Test func `a reload while stopping says nothing`() {
    var life = Life()
    life.enter(.running)
    life.hear(life.notifications.reloadBegan(nowNanos: life.now))
    life.hear(life.notifications.stop())
    life.hear(life.notifications.reloadEnded())
    life.hear(life.notifications.reloadBegan(nowNanos: life.now))
    life.hear(life.notifications.reloadEnded())
    #expect(life.steps.count == 3 && life.steps.last == .stopping)
  }

  @Test func `the end of a reload that never began says nothing`() {
    var life = Life()
    life.enter(.running)
    life.hear(life.notifications.reloadEnded())
    #expect(life.steps == [.ready])
  }

  // MARK: - STATUS

  @Test func `STATUS comes at most once a second and only when it is another`() {
    var life = Life()
    for count in 0..<200 {
      life.status.totals["readings"] = Int64(count / 2)
      life.enter(.running, seconds: 0.2)
    }
    let times = life.said.filter { if case .status = $0.message { true } else { false } }.map(\.at)
    #expect(times.count > 20)
    for (one, next) in zip(times, times.dropFirst()) { #expect(next - one >= Self.second) }
    for (one, next) in zip(life.statusLines, life.statusLines.dropFirst()) { #expect(one != next) }
    let before = life.statusLines.count
    life.pass(seconds: 60)
    // What changed within the second is caught up; then there is nothing to say.
    #expect(life.statusLines.count <= before + 2)
  }

  @Test func `a change within the second is said when it is over`() {
    var life = Life()
    life.enter(.starting, seconds: 0.3)
    life.enter(.joining, seconds: 2)
    #expect(life.statusLines == ["starting", "joining the consumer group"])
  }

  // MARK: - EXTEND_TIMEOUT

  @Test func `while it starts it asks for more time before the last grant ends, then no more`() {
    var life = Life()
    life.enter(.starting, seconds: 60)
    life.enter(.joining, seconds: 60)
    let grant = ServiceNotifications.extensionMicros * 1000
    let times = life.times(of: .extendTimeout(micros: grant / 1000))
    #expect(times.count >= 10)
    for (one, next) in zip(times, times.dropFirst()) { #expect(next - one < grant / 2) }
    life.enter(.running, seconds: 60)
    life.enter(.starting, seconds: 60)
    life.enter(.draining, seconds: 60)
    #expect(life.times(of: .extendTimeout(micros: grant / 1000)) == times)
  }

  @Test func `a start that does not progress gets no more time`() {
    var life = Life()
    life.enter(.starting, seconds: 5)
    life.status.stall = "starting for 301 s"
    let stalled = life.now
    life.pass(seconds: 100)
    let grants = life.said.filter {
      if case .extendTimeout = $0.message { $0.at >= stalled } else { false }
    }
    #expect(grants.isEmpty)
  }

  // MARK: - Any life

  @Test(arguments: 0..<200 as Range<UInt64>)
  func `in any order of events the protocol is kept`(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    var life = Life(watchdogSeconds: Int64.random(in: 1...20, using: &random))
    var hasRun = false
    for _ in 0..<80 {
      switch Int.random(in: 0..<12, using: &random) {
      case 0: life.hear(life.notifications.reloadBegan(nowNanos: life.now))
      case 1: life.hear(life.notifications.reloadEnded())
      case 2 where Bool.random(using: &random): life.hear(life.notifications.stop())
      case 3: life.status.stall = Bool.random(using: &random) ? "stuck" : nil
      default:
        // Draining ends lives too early to be drawn as often as the rest.
        let phases: [PipelineStatus.Phase] = [.starting, .joining, .running, .running]
        life.status.phase = phases.randomElement(using: &random) ?? .running
      }
      let heard = life.said.count
      life.pass(seconds: Double.random(in: 0.1...6, using: &random))
      hasRun = hasRun || life.status.phase == .running
      let isStalled = life.status.stall != nil
      #expect(!isStalled || !life.said[heard...].contains { $0.message == .watchdog })
      let ready = life.said.contains { $0.message == .ready }
      #expect(!ready || hasRun, "seed \(seed)")
    }
    var steps = life.steps[...]
    let stopping = steps.firstIndex(of: .stopping)
    if let stopping { #expect(stopping == steps.count - 1, "seed \(seed)") }
    if stopping != nil { steps.removeLast() }
    // READY, then RELOADING and READY in turn.
    for (index, step) in steps.enumerated() {
      #expect((step == .ready) == index.isMultiple(of: 2), "seed \(seed): \(steps)")
    }
  }
}

/// xorshift64*: the same numbers for a seed on every machine.
private struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }

  mutating func next() -> UInt64 {
    state ^= state >> 12
    state ^= state << 25
    state ^= state >> 27
    return state &* 0x2545_F491_4F6C_DD1D
  }
}
