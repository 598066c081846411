import Base
import Glibc

/// A world in which everything that happens follows from a seed: who runs, for how long, and what
/// time it is.
///
///     thread A ──acquire──┐                       ┌──▶ …
///                         └─ turn ─▶ thread B ─ wait(50 ms) ─┐
///     (nobody is ready: time jumps to the next deadline)     └─ turn ─▶ …
///
/// The threads are real ones, so the code under test is the code that ships, but only one of them
/// runs at a time. The turn moves where code takes a lock, gives one back or waits, and nowhere
/// else, by a draw among all that are ready. Time passes a few microseconds a step and jumps when
/// everybody waits. The idea is FoundationDB's: Zhou et al., "FoundationDB: A Distributed Unbundled
/// Transactional Key Value Store", SIGMOD 2021, section 4.
///
/// **Invariants:** exactly one thread is `.running`; all other state is touched by that thread
/// only. Cost: one switch of real threads, about 5 µs, where the turn moves.
@safe
final class DeterministicWorld: SimulatedWorld, @unchecked Sendable {
  // @unchecked because of the invariants: one thread at a time.
  private var random: SplitMix64
  private var threads: [SimulatedThread] = []
  private var current: SimulatedThread
  private var now: Int64 = 1_000_000_000
  private let wallStartMicros: Int64
  /// By process: microseconds its wall clock is ahead.
  private var wallSkews: [Int: Int64] = [:]
  /// By process: frozen until this time.
  private var frozenUntil: [Int: Int64] = [:]
  private var stepCount = 0
  private let stepCountMax: Int
  /// The turn may move at every so many-th lock taken, on average: how finely threads interleave.
  private let lockStepsPerTurn: Int
  /// While it is true the turn stays where it is.
  private var isTurnHeld = false
  private let stuck: (String) -> Never

  /// - Parameters:
  ///   - stepCountMax: more steps than this mean that the simulation does not end.
  ///   - stuck: called when nobody can run any more or the steps are used up; ends the process.
  init(seed: UInt64, stepCountMax: Int, stuck: @escaping (String) -> Never) {
    random = SplitMix64(seed: seed)
    lockStepsPerTurn = [2, 4, 8, 16, 64].randomElement(using: &random) ?? 8
    // Some time in 2026, a fraction of a day chosen, so that dates turn in some simulations.
    wallStartMicros = 1_795_000_000_000_000 + Int64.random(in: 0..<86_400_000_000, using: &random)
    self.stepCountMax = stepCountMax
    self.stuck = stuck
    current = SimulatedThread(number: 0, name: "environment", process: 0)
    current.standing = .running
    threads = [current]
  }

  // MARK: - For the environment

  /// The process of the thread that runs.
  var currentProcess: Int { current.process }

  /// Its name, for log lines.
  var currentThreadName: String { current.name }

  /// Steps so far: a measure of how much has been interleaved.
  var steps: Int { stepCount }

  /// Starts a process: its first thread. Threads it starts belong to it.
  func startProcess(_ process: Int, name: String, body: @escaping @Sendable () -> Void) {
    start(name: name, process: process, body: body)
  }

  /// No thread of the process runs until then, as after SIGSTOP.
  func freeze(_ process: Int, forNanos nanos: Int64) { frozenUntil[process] = now + nanos }

  /// Moves the process's wall clock; event time must not notice.
  func moveWallClock(of process: Int, byMicros micros: Int64) {
    wallSkews[process, default: 0] += micros
  }

  /// Lets the calling thread sleep and the others run.
  func sleep(nanos: Int64) {
    let lock = DeterministicLock(world: self, process: current.process)
    acquire(lock)
    _ = wait(lock, untilNanos: now + nanos)
    release(lock)
  }

  /// Runs `body`, which waits for nothing, without letting anybody else run: an observer's look is
  /// at one moment.
  func atOneMoment<Result>(_ body: () -> Result) -> Result {
    let wasHeld = isTurnHeld
    isTurnHeld = true
    defer { isTurnHeld = wasHeld }
    return body()
  }

  /// Waits until every other thread has ended.
  func joinAll() {
    while threads.count > 1 { sleep(nanos: 1_000_000) }
  }

  // MARK: - SimulatedWorld

  var monotonicNanos: Int64 { now }

  var wallMicros: Int64 { wallStartMicros + now / 1000 + (wallSkews[current.process] ?? 0) }

  func randomWord() -> UInt64 { random.next() }

  func startThread(name: String, body: @escaping @Sendable () -> Void) {
    start(name: name, process: current.process, body: body)
  }

  func makeLock() -> any SimulatedLock {
    DeterministicLock(world: self, process: current.process)
  }

  private func start(name: String, process: Int, body: @escaping @Sendable () -> Void) {
    let thread = SimulatedThread(
      number: threads.count, name: name, process: process, body: body)
    threads.append(thread)
    SystemThread.start(name: name) { [self] in
      thread.awaitTurn()
      thread.runBody()
      end(thread)
    }
  }

  // MARK: - Locks

  func acquire(_ lock: DeterministicLock) {
    if !isTurnHeld, Int.random(in: 0..<lockStepsPerTurn, using: &random) == 0 { yieldTurn() }
    precondition(lock.holder !== current, "a Monitor is not entered twice by one thread")
    while lock.holder != nil {
      current.standing = .blocked(lock)
      yieldTurn()
    }
    take(lock)
  }

  private func take(_ lock: DeterministicLock) {
    lock.holder = current
    if lock.process != current.process { current.foreignLockCount += 1 }
  }

  func release(_ lock: DeterministicLock) {
    precondition(lock.holder === current, "a lock is given back by its holder")
    if lock.process != current.process { current.foreignLockCount -= 1 }
    lock.holder = nil
    for thread in threads {
      if case .blocked(let other) = thread.standing, other === lock { thread.standing = .ready }
    }
  }

  func wakeWaiters(of lock: DeterministicLock) {
    for thread in threads {
      if case .waiting(let other, _) = thread.standing, other === lock {
        thread.hasTimedOut = false
        thread.standing = .ready
      }
    }
  }

  func wait(_ lock: DeterministicLock, untilNanos: Int64?) -> Bool {
    if let untilNanos, untilNanos <= now {
      // Others get a chance all the same: a loop of waits for nothing must not stop the world.
      release(lock)
      yieldTurn()
      acquire(lock)
      return false
    }
    release(lock)
    current.standing = .waiting(lock, untilNanos: untilNanos)
    yieldTurn()
    let hasTimedOut = current.hasTimedOut
    while lock.holder != nil {
      current.standing = .blocked(lock)
      yieldTurn()
    }
    take(lock)
    return !hasTimedOut
  }

  // MARK: - The turn

  /// Gives the turn to whoever is drawn, which may be the caller, and returns when it is back.
  private func yieldTurn() {
    precondition(!isTurnHeld, "nothing waits while the turn is held")
    let caller = current
    if case .running = caller.standing { caller.standing = .ready }
    let next = draw()
    next.standing = .running
    current = next
    if next === caller { return }
    next.handTurn()
    caller.awaitTurn()
  }

  /// The same for a thread that has come to its end.
  private func end(_ thread: SimulatedThread) {
    threads.removeAll { $0 === thread }
    let next = draw()
    next.standing = .running
    current = next
    next.handTurn()
  }

  /// Draws the next thread to run; moves time on, and to the next deadline if nobody is ready.
  private func draw() -> SimulatedThread {
    stepCount += 1
    if stepCount > stepCountMax { stuck("no end after \(stepCountMax) steps\n\(picture)") }
    now += Int64.random(in: 1_000...20_000, using: &random)
    while true {
      wakeOverdue()
      let ready = threads.filter { isReady($0) && !isFrozen($0) }
      if let thread = ready.randomElement(using: &random) { return thread }
      guard let next = nextEventNanos() else { stuck("nobody can run any more\n\(picture)") }
      now = max(now, next)
    }
  }

  private func isReady(_ thread: SimulatedThread) -> Bool {
    if case .ready = thread.standing { return true }
    return false
  }

  private func isFrozen(_ thread: SimulatedThread) -> Bool {
    guard let until = frozenUntil[thread.process] else { return false }
    return now < until && thread.foreignLockCount == 0
  }

  private func wakeOverdue() {
    for thread in threads {
      if case .waiting(_, let deadline?) = thread.standing, deadline <= now {
        thread.hasTimedOut = true
        thread.standing = .ready
      }
    }
  }

  private func nextEventNanos() -> Int64? {
    var next: Int64?
    for thread in threads {
      var candidate: Int64?
      if case .waiting(_, let deadline?) = thread.standing { candidate = deadline }
      if isReady(thread), let until = frozenUntil[thread.process] { candidate = until }
      if let candidate { next = min(next ?? candidate, candidate) }
    }
    return next
  }

  /// Who stands where, for the report of a simulation that got stuck.
  private var picture: String {
    threads.map { thread in
      let standing =
        switch thread.standing {
        case .running: "running"
        case .ready: "ready"
        case .blocked(let lock): "blocked by \(lock.holder?.name ?? "nobody")"
        case .waiting(_, let deadline):
          "waiting" + (deadline.map { " until \($0 / 1_000_000) ms" } ?? " for ever")
        }
      return "  \(thread.process).\(thread.name): \(standing)"
    }.joined(separator: "\n") + "\n  now \(now / 1_000_000) ms"
  }
}
