import Glibc

/// A thread of the operating system, detached: what `WorkerThread`s run on, and the threads of a
/// simulated world.
package enum SystemThread {
  /// Starts a thread that runs `body` once; every signal is blocked in it. `name` is cut to the 15
  /// bytes Linux keeps.
  package static func start(name: String, body: @escaping @Sendable () -> Void) {
    let start = Start(name: name, body: body)
    var thread = pthread_t()
    let code = unsafe pthread_create(
      &thread, nil,
      { argument in
        guard let argument = unsafe argument else { return nil }
        unsafe Unmanaged<Start>.fromOpaque(argument).takeRetainedValue().run()
        return nil
      }, Unmanaged.passRetained(start).toOpaque())
    precondition(code == 0, "cannot start a thread: the system is out of threads or memory")
    pthread_detach(thread)
  }

  private final class Start: Sendable {
    let name: String
    let body: @Sendable () -> Void

    init(name: String, body: @escaping @Sendable () -> Void) {
      self.name = name
      self.body = body
    }

    func run() {
      var everySignal = sigset_t()
      unsafe sigfillset(&everySignal)
      unsafe pthread_sigmask(SIG_BLOCK, &everySignal, nil)
      nameThisThread()
      body()
    }

    /// `pthread_setname_np` is hidden from Swift and prctl is variadic; the kernel's file is
    /// neither.
    private func nameThisThread() {
      let file = unsafe open("/proc/thread-self/comm", O_WRONLY | O_CLOEXEC)
      guard file >= 0 else { return }
      let bytes = Array(name.utf8.prefix(15))
      _ = unsafe write(file, bytes, bytes.count)
      close(file)
    }
  }
}
