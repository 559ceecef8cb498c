"""Lanes: several threads at one kind of work, and nothing that goes wrong in one stops another."""

from __future__ import annotations

import threading

import pytest

from leadmagnet.errors import Unavailable
from leadmagnet.lanes import Lanes


@pytest.fixture
def run():
    """Lanes with this work, ended after the test."""
    running = []

    def run(take, carry=lambda taken: None, *, threads=1):
        lanes = Lanes("test", take, carry, threads=threads)
        lanes.start()
        running.append(lanes)
        return lanes

    yield run
    for lanes in running:
        lanes.stop()
        lanes.join()


def test_one_ring_brings_as_many_threads_as_there_is_work(run):
    looks, left = threading.Semaphore(0), []
    together = threading.Barrier(5)

    def take():
        looks.release()
        return left.pop() if left else None

    lanes = run(take, lambda taken: together.wait(30), threads=4)
    for _ in range(4):
        assert looks.acquire(timeout=30)
    left += range(4)
    lanes.wakeup.ring()
    together.wait(30)  # the four of them carry at the same time


def test_a_thread_without_work_waits_for_a_ring(run):
    looks = threading.Semaphore(0)
    lanes = run(looks.release)
    assert looks.acquire(timeout=30), "at the start"
    assert not looks.acquire(timeout=0.05)
    lanes.wakeup.ring()
    assert looks.acquire(timeout=30)


@pytest.mark.parametrize("error", [Unavailable("test"), KeyError("MessageId"), RecursionError()])
def test_a_lane_outlives_whatever_goes_wrong_in_its_work(run, monkeypatch, error):
    monkeypatch.setattr("leadmagnet.lanes.AFTER_FAILURE_SECONDS", 0)
    failures, done = [error], threading.Event()

    def carry(taken):
        if failures:
            raise failures.pop()
        done.set()

    run(lambda: None if done.is_set() else "work", carry)
    assert done.wait(30)


def test_what_is_in_hand_is_finished_and_nothing_new_is_begun(run):
    begun, finish, finished = threading.Semaphore(0), threading.Event(), []

    def carry(taken):
        begun.release()
        finish.wait(30)
        finished.append(taken)

    lanes = run(lambda: "work", carry, threads=2)
    assert begun.acquire(timeout=30) and begun.acquire(timeout=30)
    lanes.stop()
    finish.set()
    lanes.join()
    assert finished == ["work", "work"]
