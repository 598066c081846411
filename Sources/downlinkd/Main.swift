import ArgumentParser
import Glibc

/// `downlinkd`: parse, wire, run, stop in reverse. The commands are thin; the work is in modules.
@main
struct Downlinkd: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "downlinkd",
    abstract: "Telemetry from Kafka to exact tables: readings and windows, exactly once.",
    discussion: """
      Exit codes: 0 done, 64 wrong usage, 65 verify or test has findings, 69 a fault of the world \
      (see the log), 74 ended itself because it did not get on, 75 stopped before the goal was \
      reached, 78 the configuration does not fit (nothing was started).
      """,
    version: Program.version,
    groupedSubcommands: [
      CommandGroup(
        name: "Service",
        subcommands: [
          RunCommand.self,
          StatusCommand.self,
          ReloadCommand.self,
          TapCommand.self,
        ]),
      CommandGroup(
        name: "Configuration",
        subcommands: [
          InitCommand.self,
          CheckCommand.self,
          TestCommand.self,
          ConfigCommand.self,
          SchemaCommand.self,
          HTTPPasswordCommand.self,
        ]),
      CommandGroup(
        name: "Diagnosis",
        subcommands: [
          TablesCommand.self,
          InspectCommand.self,
          VerifyCommand.self,
          OffsetsCommand.self,
          DeadLettersCommand.self,
        ]),
      CommandGroup(
        name: "Maintenance",
        subcommands: [
          CompactCommand.self,
          VacuumCommand.self,
        ]),
      CommandGroup(
        name: "Demonstration",
        subcommands: [
          DemoCommand.self,
          BrokerCommand.self,
          ProduceCommand.self,
        ]),
    ])

  static func main() async {
    // A broken connection or pipe is an error to handle, never a reason to die.
    signal(SIGPIPE, SIG_IGN)
    // The daemon reads its configuration anew at SIGHUP; until it has, there is nothing to re-read.
    // Other commands end when their terminal does.
    if CommandLine.arguments.dropFirst().first == RunCommand.configuration.commandName {
      signal(SIGHUP, SIG_IGN)
    }
    Lifeline.hold()
    await main(nil)
  }
}

/// What this program calls itself.
enum Program {
  static let version = "0.1.0"
  static let name = "downlinkd \(version)"
}

/// Exit codes of sysexits.h that mean something to a service manager.
enum Exit {
  /// EX_DATAERR: what was committed is not as it should be, says `verify`.
  static let findings: Int32 = 65
  /// EX_UNAVAILABLE: a fault of the world; starting again may help.
  static let unavailable: Int32 = 69
  /// EX_IOERR: a disk, the brokers or the group did not let it get on for longer than a limit;
  /// starting again is the one thing left to try.
  static let stalled: Int32 = 74
  /// EX_TEMPFAIL: stopped in order, but before the goal was reached.
  static let incomplete: Int32 = 75
  /// EX_USAGE: wrong usage, as the argument parser has it.
  static let usage: Int32 = 64
  /// EX_CONFIG: the configuration does not fit; starting again cannot help.
  static let configuration: Int32 = 78
}

/// Lines for people, on standard error.
func complain(_ text: String) {
  let bytes = Array((text + "\n").utf8)
  _ = unsafe write(STDERR_FILENO, bytes, bytes.count)
}
