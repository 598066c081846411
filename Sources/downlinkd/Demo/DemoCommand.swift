import ArgumentParser
import Base
import Glibc
import Kafka

/// `downlinkd demo`: the real thing in one process tree, for somebody who has never seen it.
struct DemoCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "demo",
    abstract: "Show the whole path on this machine: broker, fleet, pipeline, tables.",
    discussion: """
      This process holds an embedded broker and a made-up fleet of satellites, some with faults; \
      `downlinkd run` is its child. At the end it says what was written, which faults were found, \
      and what to ask the tables. Exit codes: 0 every record is in the tables once, 69 it is not \
      or something failed, 75 stopped before everything was read.
      """)

  @Option(name: .long, help: "How long the fleet sends; starting and ending take a little more.")
  var seconds = 75

  @Option(
    name: .long,
    help:
      "Satellites. (default: \(DemoPlan.deviceCountDefault), or what --seconds has room for)")
  var devices: Int?

  @Option(name: .long, help: "Of everything random: the same seed makes the same fleet and faults.")
  var seed: UInt64?

  @Option(
    name: .long, help: .init("A new or empty folder for everything written.", valueName: "path"))
  var folder: String?

  @Flag(name: .long, help: "Kill the pipeline (SIGKILL) halfway, to see it come back.")
  var kill = false

  func validate() throws {
    guard (10...86_400).contains(seconds) else {
      throw ValidationError("--seconds must be from 10 to 86400")
    }
    guard let devices else { return }
    guard (10...5000).contains(devices) else {
      throw ValidationError("--devices must be from 10 to 5000")
    }
    let rate = plan(seed: 1).recordRate
    guard rate <= DemoPlan.recordRateMax else {
      throw ValidationError(
        "\(devices) satellites within \(seconds) s are \(Figure.count(Int(rate))) records a "
          + "second; the embedded broker keeps enough of \(Int(DemoPlan.recordRateMax)) at most: "
          + "fewer --devices or more --seconds")
    }
  }

  private func plan(seed: UInt64) -> DemoPlan {
    let fitting = DemoPlan.deviceCountMax(seconds: seconds)
    return DemoPlan(
      deviceCount: devices ?? min(DemoPlan.deviceCountDefault, fitting), seed: seed,
      seconds: seconds, kills: kill, nowMicros: WallClock.nowMicros())
  }

  func run() throws {
    StopSignals.install()
    // Five digits are enough to differ and short enough to type again.
    let plan = plan(seed: seed ?? UInt64.random(in: 1..<100_000))
    let cluster: MockCluster
    do throws(KafkaError) {
      cluster = try MockCluster(brokerCount: 1)
      try cluster.createTopic(DemoPlan.topic, partitionCount: DemoPlan.partitionCount)
    } catch {
      complain("demo: \(error)")
      throw ExitCode(Exit.unavailable)
    }
    let code: Int32
    do throws(DemoFault) {
      var run = try DemoRun(
        plan, folder: try DemoFolder(folder), brokers: cluster.brokers, screen: Screen())
      code = run.run()
    } catch {
      complain("demo: \(error)")
      throw ExitCode(Exit.unavailable)
    }
    withExtendedLifetime(cluster) {}
    if code != 0 { throw ExitCode(code) }
  }
}
