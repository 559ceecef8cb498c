"""What the studio's owner sees and does: callers, their roles, and an audit of every act."""
