import Glibc

/// How a process ended.
enum ProcessEnding: Equatable, Sendable, CustomStringConvertible {
  case exit(code: Int32)
  case signal(Int32)

  /// From the status that `waitpid` gives.
  init(waitStatus status: Int32) {
    self = status & 0x7F == 0 ? .exit(code: status >> 8 & 0xFF) : .signal(status & 0x7F)
  }

  var description: String {
    switch self {
    case .exit(let code): "ended with exit code \(code)"
    case .signal(SIGKILL): "was killed (SIGKILL)"
    case .signal(let number): "was ended by signal \(number)"
    }
  }
}

/// `downlinkd run`, started from this program's own file, with its log on a pipe.
///
/// It has a process group of its own, so that control-C at a terminal reaches us and not it, and a
/// `Lifeline`, so that it cannot outlive us.
///
/// **Invariants:** waited for exactly once; both descriptors are closed with the value.
struct PipelineProcess: ~Copyable {
  let id: pid_t
  /// Where its log is read from, without blocking.
  let log: Int32
  private let lifeline: Int32
  private(set) var ending: ProcessEnding?

  /// Starts it on a configuration file.
  static func start(configuration: String) throws(DemoFault) -> PipelineProcess {
    guard let log = PipeEnds(), let lifeline = PipeEnds() else {
      throw DemoFault("cannot make a pipe: \(SystemFault.last)")
    }
    defer {
      close(log.write)
      close(lifeline.read)
    }
    _ = fcntl(log.read, F_SETFL, O_NONBLOCK)
    let words = ["downlinkd", "run", "--config", configuration]
    do throws(DemoFault) {
      let id = try spawn(words, input: lifeline.read, output: log.write)
      return PipelineProcess(id: id, log: log.read, lifeline: lifeline.write)
    } catch {
      close(log.read)
      close(lifeline.write)
      throw error
    }
  }

  private init(id: pid_t, log: Int32, lifeline: Int32) {
    self.id = id
    self.log = log
    self.lifeline = lifeline
  }

  deinit {
    close(log)
    close(lifeline)
    // Its lifeline is cut: it ends by itself, and is not left behind as a zombie.
    if ending == nil {
      kill(id, SIGKILL)
      waitpid(id, nil, 0)
    }
  }

  /// Whether it has ended; asks the system, without waiting.
  mutating func look() -> ProcessEnding? {
    if let ending { return ending }
    var status: Int32 = 0
    guard unsafe waitpid(id, &status, WNOHANG) == id else { return nil }
    ending = ProcessEnding(waitStatus: status)
    return ending
  }

  /// Sends a signal, unless it has ended: its id may be somebody else's by now.
  func send(_ signal: Int32) {
    if ending == nil { kill(id, signal) }
  }

  /// What its log holds now, at most a few dozen kilobytes; empty where there is nothing.
  func readLog() -> [UInt8] {
    let descriptor = log
    return unsafe [UInt8](unsafeUninitializedCapacity: 64 << 10) { target, count in
      count = unsafe max(0, read(descriptor, target.baseAddress, 64 << 10))
    }
  }

  // MARK: Starting

  private static func spawn(
    _ words: [String], input: Int32, output: Int32
  ) throws(DemoFault) -> pid_t {
    var actions = unsafe posix_spawn_file_actions_t()
    unsafe posix_spawn_file_actions_init(&actions)
    defer { unsafe posix_spawn_file_actions_destroy(&actions) }
    unsafe posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO)
    unsafe posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO)
    unsafe posix_spawn_file_actions_adddup2(&actions, output, STDERR_FILENO)
    var attributes = posix_spawnattr_t()
    unsafe posix_spawnattr_init(&attributes)
    defer { unsafe posix_spawnattr_destroy(&attributes) }
    unsafe posix_spawnattr_setpgroup(&attributes, 0)
    unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP))
    var environment = Environment.variables
    environment[Lifeline.variable] = "stdin"
    let arguments = CStrings(words)
    let variables = CStrings(environment.map { "\($0.key)=\($0.value)" })
    var id: pid_t = 0
    // The file that this process runs, also after somebody has built a newer one in its place.
    let fault = unsafe posix_spawn(
      &id, "/proc/self/exe", &actions, &attributes, arguments.pointers, variables.pointers)
    guard fault == 0 else {
      throw DemoFault("cannot start the pipeline: \(SystemFault.text(fault))")
    }
    return id
  }
}

/// C strings with a null pointer behind the last, as exec wants them.
@safe
private struct CStrings: ~Copyable {
  let pointers: [UnsafeMutablePointer<CChar>?]

  init(_ texts: [String]) { unsafe pointers = texts.map { unsafe strdup($0) } + [nil] }

  deinit { for unsafe pointer in unsafe pointers { unsafe free(pointer) } }
}
