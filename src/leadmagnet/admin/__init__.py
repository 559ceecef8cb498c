"""What the studio's owner sees and does: callers, their roles, and an account of every act."""
