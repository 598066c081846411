import Base
import Glibc
import Kafka

/// One demonstration from its first to its last line: broker and fleet in this process, the
/// pipeline in a child process.
///
/// Everything is decided by values that are tested for themselves (`DemoCourse`, `LogBook`,
/// `DemoTally`, …); here they meet the world, ten times a second.
struct DemoRun: ~Copyable {
  private static let tickMillis: Int32 = 100
  private static let accountIntervalNanos: Int64 = 500_000_000

  private let plan: DemoPlan
  private let folder: DemoFolder
  private let faults: [InjectedFault]
  private let sender: FleetSender
  private let poller: StatusPoller
  private var child: PipelineProcess
  private var childLog: LogFile
  private var splitter = LineSplitter()
  private var course: DemoCourse
  private var book = LogBook()
  private var screen: Screen
  private var inMeter = RateMeter()
  private var committedMeter = RateMeter()
  private var counted = RunningCounts()
  private var nextAccountNanos: Int64 = 0
  private var isAccounted = false

  /// Writes the folder's files and starts the pipeline, then the fleet.
  init(
    _ plan: DemoPlan, folder: DemoFolder, brokers: String, screen: Screen
  ) throws(DemoFault) {
    let port = try LoopbackPort.unused()
    let faults = DemoFleet(plan).faults
    try folder.write(
      DemoConfiguration.text(brokers: brokers, httpPort: port), to: folder.configuration)
    try folder.write(
      JSONValue.array(faults.map(\.json)).text, to: folder.path + "/faults.json")
    var screen = screen
    screen.say(DemoText.opening(plan, faults, folder: folder, brokers: brokers, httpPort: port))
    // All that can fail comes before the first property is set.
    let log = try LogFile(folder.log)
    let process = try PipelineProcess.start(configuration: folder.configuration)
    self.faults = faults
    self.plan = plan
    self.folder = folder
    self.screen = screen
    childLog = log
    child = process
    course = DemoCourse(kills: plan.kills)
    sender = FleetSender(plan, brokers: brokers)
    poller = StatusPoller(HTTPStatusFeed(port: port, sender: sender))
    sender.start()
  }

  /// Runs it to its end and reports; the exit code.
  mutating func run() -> Int32 {
    defer {
      poller.stop()
      sender.stop()
      sender.join()
    }
    while true {
      waitForLog()
      let nowNanos = MonotonicClock.nowNanos()
      let ending = child.look()
      takeLog(nowNanos)
      let view = view(nowNanos, ending)
      for order in course.advance(view) {
        if case .finish(let conclusion) = order { return report(conclusion) }
        follow(order, nowNanos)
      }
      showFigures(nowNanos)
    }
  }

  // MARK: What is the case

  /// Waits for the log's next line, a tick at most.
  private func waitForLog() {
    var descriptor = pollfd(fd: child.log, events: Int16(POLLIN), revents: 0)
    let count = unsafe poll(&descriptor, 1, Self.tickMillis)
    // The end of the log comes a moment before the end of the process.
    if count > 0, descriptor.revents & Int16(POLLIN) == 0 { usleep(10_000) }
  }

  private mutating func takeLog(_ nowNanos: Int64) {
    while case let bytes = child.readLog(), !bytes.isEmpty {
      childLog.append(bytes)
      for line in splitter.lines(adding: bytes) {
        screen.say(book.take(PipelineLine(line), nowNanos: nowNanos))
      }
    }
  }

  private mutating func view(_ nowNanos: Int64, _ ending: ProcessEnding?) -> DemoCourse.View {
    let progress = sender.progress
    var view = DemoCourse.View(nowNanos: nowNanos)
    // Without anybody to read it there is no reason to go on.
    view.stopCount = max(StopSignals.count, screen.isBroken ? 2 : 0)
    view.sentShare =
      Double(progress.eventMicros - plan.startMicros) / Double(plan.lengthMicros)
    view.isSenderDone = progress.isDone
    view.hasCommitted = book.hasCommitted
    view.ending = ending
    if course.stage == .catchingUp, progress.isDone { view.isCaughtUp = isCaughtUp(nowNanos) }
    return view
  }

  /// Whether the pipeline has committed everything, by its own word, or by the tables' logs should
  /// it not answer.
  private mutating func isCaughtUp(_ nowNanos: Int64) -> Bool {
    if counted.committedCount >= sender.progress.acknowledgedCount { return true }
    guard nowNanos >= nextAccountNanos else { return isAccounted }
    defer {
      // The logs of a long demonstration take a while to read.
      let endNanos = MonotonicClock.nowNanos()
      nextAccountNanos = endNanos + max(Self.accountIntervalNanos, 10 * (endNanos - nowNanos))
    }
    do throws(DemoFault) {
      let accounting = Accounting(
        sender.progress, try TableTotals(root: folder.root), isComplete: false)
      isAccounted =
        accounting.readingCount + accounting.deadCount >= accounting.acknowledgedCount
    } catch {
      // There are no tables yet, or one is being made.
      isAccounted = false
    }
    return isAccounted
  }

  // MARK: What is to be done

  private mutating func follow(_ order: DemoCourse.Order, _ nowNanos: Int64) {
    switch order {
    case .stopSending:
      sender.stop()
      if course.stage != .over { screen.say("Stopping: the fleet is silent, the rest is read.") }
    case .killPipeline:
      screen.say(DemoText.killing(child.id, version: book.version))
      child.send(SIGKILL)
    case .startPipeline: restart(nowNanos)
    case .stopPipeline: child.send(SIGTERM)
    case .endPipelineByForce: child.send(SIGKILL)
    case .finish: break
    }
  }

  private mutating func restart(_ nowNanos: Int64) {
    guard let ending = child.look() else { return }
    counted.carry()
    poller.forget()
    book.restarted(nowNanos: nowNanos)
    splitter = LineSplitter()
    do throws(DemoFault) {
      let id = child.id
      child = try PipelineProcess.start(configuration: folder.configuration)
      screen.say(DemoText.restarted(id, ending, newID: child.id))
    } catch {
      screen.say("\(error)")
    }
  }

  private mutating func showFigures(_ nowNanos: Int64) {
    let progress = sender.progress
    let status = poller.newest
    inMeter.note(progress.sentCount, nowNanos: nowNanos)
    if let status {
      committedMeter.note(status.committedCount, nowNanos: nowNanos)
      counted.note(status)
    }
    screen.show(
      DemoFigures(
        plan: plan, sender: progress, status: status, stage: course.stage,
        inPerSecond: inMeter.perSecond, committedPerSecond: committedMeter.perSecond,
        counts: counted, commitCount: book.commitCount,
        openAnomalies: status?.openAnomalies ?? book.openAnomalies),
      nowNanos: nowNanos)
  }

  // MARK: The end

  private mutating func report(_ conclusion: DemoCourse.Conclusion) -> Int32 {
    sender.stop()
    sender.join()
    screen.clear()
    if case .failed(let reason) = conclusion {
      screen.say(DemoText.failed(reason, tail: book.tail, log: folder.log))
    }
    let totals: TableTotals
    let steps: [AnomalyStep]
    do throws(DemoFault) {
      totals = try TableTotals(root: folder.root)
      steps = try StoredSteps.read(root: folder.root)
    } catch {
      screen.say("\(error)")
      return Exit.unavailable
    }
    let progress = sender.progress
    let accounting = Accounting(progress, totals, isComplete: conclusion == .complete)
    let tally = DemoTally(
      faults: faults, steps: steps, plan: plan, reachedMicros: progress.eventMicros)
    let report = DemoReport(
      plan: plan, folder: folder, progress: progress, totals: totals, accounting: accounting,
      tally: tally, stepCount: book.stepCount, restartCount: course.restartCount,
      isStoppedEarly: course.isStoppedEarly)
    screen.say(report.lines)
    if case .failed = conclusion { return Exit.unavailable }
    switch accounting.verdict {
    case .exact: return 0
    case .unread: return Exit.incomplete
    case .missing, .doubled, .mistaken: return Exit.unavailable
    }
  }
}

/// The pipeline's log in the folder, as it came.
private struct LogFile: ~Copyable {
  private let descriptor: Int32

  init(_ path: String) throws(DemoFault) {
    descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw DemoFault("cannot create \(path): \(SystemFault.last)") }
  }

  deinit { close(descriptor) }

  /// A full disk costs the copy of the log, not the demonstration.
  func append(_ bytes: [UInt8]) { _ = unsafe write(descriptor, bytes, bytes.count) }
}
