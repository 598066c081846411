/// A named thread of the data path: it runs on one of the operating system's, never on the
/// cooperative pool, or on a simulated world's.
///
/// Every signal is blocked in it, so that SIGTERM reaches only the thread that waits for it.
package final class WorkerThread: Sendable {
  private let finished = Monitor(false)

  /// Starts a thread that runs `body` once. `name` is cut to the 15 bytes Linux keeps.
  package init(name: String, body: @escaping @Sendable () -> Void) {
    let finished = self.finished
    let run: @Sendable () -> Void = {
      body()
      finished.update { $0 = true }
    }
    if let world = World.simulated {
      world.startThread(name: name, body: run)
    } else {
      SystemThread.start(name: name, body: run)
    }
  }

  /// Waits until the body has returned.
  package func join() { _ = finished.wait { $0 ? true : nil } }
}
